internal import Arguments
internal import Inside
internal import RuntimeCLI

/// What this executable does under other names.
struct Program {
  var name: String
  /// Takes the words after the name.
  var run: @Sendable ([String]) -> Int32
}

/// The names that come before any command.
let programs: [Program] = [
  MonitorProgram.program, Program(name: runtimeName, run: runtimeMain), Program(name: "skiff-init", run: runInit),
]

/// Headings of the program's help, in its order.
enum CommandGroup {
  static let tour = "Start here"
  static let life = "Containers"
  static let images = "Images and root file systems"
  static let networks = "Networks"
  static let other = "More"
}

/// Every command. Each entry's file holds its options; they are built when it is called.
func commandTable() -> [CommandEntry] {
  [
    TourCommand.entry(TourCommand.perform),
    RunCommand.entry(RunCommand.perform),
    CreateCommand.entry(CreateCommand.perform),
    StartCommand.entry(StartCommand.perform),
    ExecCommand.entry(ExecCommand.perform),
    DebugCommand.entry(DebugCommand.perform),
    PsCommand.entry(PsCommand.perform),
    LogsCommand.entry(LogsCommand.perform),
    StopCommand.entry(StopCommand.perform),
    RestartCommand.entry(RestartCommand.perform),
    KillCommand.entry(KillCommand.perform),
    PauseCommand.entry(PauseCommand.perform),
    UnpauseCommand.entry(UnpauseCommand.perform),
    WaitCommand.entry(WaitCommand.perform),
    WhyCommand.entry(WhyCommand.perform),
    RmCommand.entry(RmCommand.perform),
    InspectCommand.entry(InspectCommand.perform),
    TopCommand.entry(TopCommand.perform),
    RenameCommand.entry(RenameCommand.perform),
    ContainerCommand.entry,
    PortCommand.entry(PortCommand.perform),
    AttachCommand.entry(AttachCommand.perform),
    ImagesCommand.entry(ImagesCommand.perform),
    RmiCommand.entry(RmiCommand.perform),
    TagCommand.entry(TagCommand.perform),
    LoadCommand.entry(LoadCommand.perform),
    SaveCommand.entry(SaveCommand.perform),
    ImportCommand.entry(ImportCommand.perform),
    ExportCommand.entry(ExportCommand.perform),
    CpCommand.entry(CpCommand.perform),
    ManifestCommand.entry(inspect: ManifestCommand.inspect),
    HistoryCommand.entry(HistoryCommand.perform),
    ImageCommand.entry,
    PullCommand.entry(PullCommand.perform),
    PushCommand.entry(PushCommand.perform),
    LoginCommand.entry(LoginCommand.perform),
    LogoutCommand.entry(LogoutCommand.perform),
    SearchCommand.entry(SearchCommand.perform),
    DiffCommand.entry(DiffCommand.perform),
    CommitCommand.entry(CommitCommand.perform),
    StatsCommand.entry(StatsCommand.perform),
    UpdateCommand.entry(UpdateCommand.perform),
    NetworkCommand.entry,
    VolumeCommand.entry,
    NetCommand.entry,
    SystemCommand.entry,
    GenerateCommand.entry,
    EventsCommand.entry(EventsCommand.perform),
    InfoCommand.entry(InfoCommand.perform),
    DoctorCommand.entry(DoctorCommand.perform),
    StageCommand.entry(StageCommand.perform),
    SBOMCommand.entry(SBOMCommand.perform),
    ChrootCommand.entry(ChrootCommand.perform),
    OCICommand.entry,
    VersionCommand.entry(VersionCommand.perform),
    CompletionCommand.entry,
    ManCommand.entry,
    HelpCommand.entry,
  ] + refusedCommands + refusedBuilds
}
