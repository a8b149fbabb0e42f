internal import CKernel

/// Makes the heap smaller by what libstdc++ keeps for exceptions (`__gnu_cxx::__freeres`, which memory checkers call): a
/// supervisor touches two pages less of it. Before anything else of the program.
package func giveBackExceptionPool() { ckernel_give_back_exception_pool() }
