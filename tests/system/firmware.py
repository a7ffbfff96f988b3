"""OVMF in flash chips: to its shell on the serial port, and a variable that one run
sets and the next one reads."""

import shutil

import guests
from machine import Failed, Machine

VARIABLE = "setvar probe -guid 6d6f7274-6973-6500-0000-000000000001"


def run(options, code, variables, command):
    """What the shell says to a command; then the power goes off."""
    with Machine(options.mortise, "-m", "256",
                 "-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
                 "-drive", f"if=pflash,format=raw,unit=1,file={variables}", log=options.log) as m:
        m.expect(r"Shell> ", 240)
        m.send(command + "\r")
        began = m.seen
        m.expect(r"Shell> ")
        said = m.text[began:m.seen]
        m.send("reset -s\r")
        if m.wait() != 0:
            raise Failed(f"exit status {m.process.returncode}\n{m.text[-2000:]}")
        return said


def ovmf(options):
    files = guests.download("ovmf") / "usr/share/OVMF"
    variables = options.work / "variables.fd"
    shutil.copy(files / "OVMF_VARS_4M.fd", variables)
    run(options, files / "OVMF_CODE_4M.fd", variables, f"{VARIABLE} -nv -bs =5a17c3")
    said = run(options, files / "OVMF_CODE_4M.fd", variables, VARIABLE)
    if "5A 17 C3" not in said:
        raise Failed(f"the variable did not survive:\n{said}")
