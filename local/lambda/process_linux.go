package lambda

import "syscall"

// processAttributes puts a process into a group of its own, so that Ctrl-C at
// the terminal reaches it through Close and not before, and lets the kernel kill
// it when this process dies, even by SIGKILL.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
