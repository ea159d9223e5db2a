//! On Windows, the console that comes up beside the window where the program was started by a click.
//!
//! The program is one of the console's kind: so shells wait for it, see its exit status and hand it Ctrl-C, as they do
//! for every command. A program of the other kind that attached itself to its parent's console would have none of these.
//! Windows 11 opens no console for a click from 24H2 on, by the manifest's `consoleAllocationPolicy`; older
//! systems do.

/// Lets go of the console if nobody else uses it, which closes its window. Where a shell started the program, nothing
/// changes.
#[cfg(windows)]
pub(super) fn let_go() {
    use std::io::{IsTerminal, stderr, stdin, stdout};

    use windows_sys::Win32::System::Console::{
        FreeConsole, GetConsoleProcessList, STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
        SetStdHandle,
    };

    let mut users = [0_u32; 2];
    // What leads elsewhere than to the console stays as it is.
    let streams = [
        (STD_INPUT_HANDLE, stdin().is_terminal()),
        (STD_OUTPUT_HANDLE, stdout().is_terminal()),
        (STD_ERROR_HANDLE, stderr().is_terminal()),
    ];
    #[expect(unsafe_code, reason = "the system has no other way to say it")]
    // SAFETY: the list has as many entries as the call is told. No handle of the console is kept anywhere: the standard
    // library asks for it at each use, and takes none for a stream that is closed.
    unsafe {
        if GetConsoleProcessList(users.as_mut_ptr(), 2) == 1 && FreeConsole() != 0 {
            for (stream, _) in streams.into_iter().filter(|(_, leads_to_console)| *leads_to_console) {
                SetStdHandle(stream, std::ptr::null_mut());
            }
        }
    }
}

#[cfg(not(windows))]
pub(super) fn let_go() {}
