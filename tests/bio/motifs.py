"""Small motif files of each format."""

COUNTS = {
    "TBP": {
        "A": [1, 18, 0, 20, 12, 3],
        "C": [1, 0, 1, 0, 0, 7],
        "G": [0, 1, 0, 0, 2, 6],
        "T": [18, 1, 19, 0, 6, 4],
    },
    "EBOX": {"A": [0, 20, 1], "C": [20, 0, 17], "G": [0, 0, 1], "T": [0, 0, 1]},
}


def jaspar(names=COUNTS):
    return "".join(
        f">M{i}.1 {name}\n"
        + "".join(f"{b} [ {' '.join(map(str, row))} ]\n" for b, row in COUNTS[name].items())
        for i, name in enumerate(names)
    )


def meme(names=COUNTS):
    text = "MEME version 4\n\nALPHABET= ACGT\n\nBackground letter frequencies\n"
    text += "A 0.25 C 0.25 G 0.25 T 0.25\n\n"
    for name in names:
        columns = list(zip(*COUNTS[name].values(), strict=True))
        text += f"MOTIF {name}\nletter-probability matrix: alength= 4 w= {len(columns)} "
        text += "nsites= 20 E= 0\n"
        text += "".join(" ".join(str(v / 20) for v in column) + "\n" for column in columns) + "\n"
    return text


def transfac(names=COUNTS):
    text = ""
    for name in names:
        text += f"ID  {name}\nXX\nP0      A      C      G      T\n"
        for i, column in enumerate(zip(*COUNTS[name].values(), strict=True), start=1):
            text += f"{i:02d}  {'  '.join(map(str, column))}  N\n"
        text += "XX\n//\n"
    return text


WRITERS = {"jaspar": jaspar, "meme": meme, "transfac": transfac}
