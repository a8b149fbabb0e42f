/// `RuntimeSpec → LaunchPlan`: validated steps as data.
///
/// Pure: golden-tested without root. What a host cannot do is refused here, before anything is made.
