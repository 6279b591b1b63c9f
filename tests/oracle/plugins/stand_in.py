"""Run as a program in place of a docking program: sleeps, fails, hangs, and lacks its licence."""

import sys
import time
from pathlib import Path


def main():
    folder, smiles = Path(sys.argv[1]), sys.argv[-1]
    with (folder / "calls").open("a") as file:
        print(smiles, file=file)
    try:
        (folder / "licence").touch(exist_ok=False)
        sys.exit(75)  # the first call of all
    except FileExistsError:
        pass
    if "F" in smiles:
        sys.exit("could not embed the ligand")
    if "Br" in smiles:
        time.sleep(1000)
    if "I" in smiles:
        print("Segmentation fault (core dumped)", file=sys.stderr)
        sys.exit(139)
    time.sleep(0.02)
    print("mode 1 affinity", -len(smiles) / 2)


if __name__ == "__main__":
    main()
