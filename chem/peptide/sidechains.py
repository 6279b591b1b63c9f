"""The side chains that residues are made of, written as SMILES from the atom on the backbone.

``[*:3]`` is where a side chain can be bonded to another residue. A closing ``1`` is the ring to the
nitrogen of the backbone. Chirality is that of the L form.
"""

from __future__ import annotations

NATURAL = {
    "A": "C",
    "C": "CS[*:3]",
    "D": "CC(=O)[*:3]",
    "E": "CCC(=O)[*:3]",
    "F": "Cc1ccccc1",
    "H": "Cc1c[nH]cn1",
    "I": "[C@@H](C)CC",
    "K": "CCCCN[*:3]",
    "L": "CC(C)C",
    "M": "CCSC",
    "N": "CC(N)=O",
    "P": "CCC1",
    "Q": "CCC(N)=O",
    "R": "CCCNC(=N)N",
    "S": "CO[*:3]",
    "T": "[C@H](O[*:3])C",
    "V": "C(C)C",
    "W": "Cc1c[nH]c2ccccc12",
    "Y": "Cc1ccc(O[*:3])cc1",
}
"""The 19 amino acids that have one, by letter; glycine has none."""

ALKYL = {
    "Abu": "CC",
    "Nva": "CCC",
    "Nle": "CCCC",
    "Ahp": "CCCCC",
    "Aoc(2)": "CCCCCC",
    "aIle": "[C@H](C)CC",
    "Tle": "C(C)(C)C",
    "Ala(tBu)": "CC(C)(C)C",
    "hLeu": "CCC(C)C",
    "Cpg": "C2CC2",
    "Cpa": "CC2CC2",
    "Cba": "CC2CCC2",
    "Chg": "C2CCCCC2",
    "Cha": "CC2CCCCC2",
    "hCha": "CCC2CCCCC2",
    "Gly(allyl)": "CC=C",
    "Pra": "CC#C",
    "Nle(CHF2)": "CCCCC(F)F",
}

AROMATIC = {
    "Phg": "c2ccccc2",
    "Hph": "CCc2ccccc2",
    "Nva(Ph)": "CCCc2ccccc2",
    "1-Nal": "Cc2cccc3ccccc23",
    "Nal": "Cc2ccc3ccccc3c2",
    "Bip": "Cc2ccc(-c3ccccc3)cc2",
    "2Pal": "Cc2ccccn2",
    "3Pal": "Cc2cccnc2",
    "4Pal": "Cc2ccncc2",
    "Thi": "Cc2cccs2",
    "Tza": "Cc2cscn2",
    "Ala(indol-2-yl)": "Cc2cc3ccccc3[nH]2",
    "Tyr(Me)": "Cc2ccc(OC)cc2",
    "Tyr(tBu)": "Cc2ccc(OC(C)(C)C)cc2",
    "Tyr(CHF2)": "Cc2ccc(OC(F)F)cc2",
    "Tyr(3-F)": "Cc2ccc(O)c(F)c2",
    "Tyr(3-I)": "Cc2ccc(O)c(I)c2",
    "Dopa": "Cc2ccc(O)c(O)c2",
    "Phe(3-pentanoyl)": "Cc2cccc(CCCCC(=O)[*:3])c2",
    "Phe(4-hexanoyl)": "Cc2ccc(CCCCCC(=O)[*:3])cc2",
    "Phe(3 4-diF)": "Cc2ccc(F)c(F)c2",
    "Phe(F5)": "Cc2c(F)c(F)c(F)c(F)c2F",
    "Phe(CHF2)": "Cc2ccc(C(F)F)cc2",
    "Trp(5-Br)": "Cc2c[nH]c3ccc(Br)cc23",
    "Trp(6-Br)": "Cc2c[nH]c3cc(Br)ccc23",
    "Trp(7-Br)": "Cc2c[nH]c3c(Br)cccc23",
    "Trp(5-OH)": "Cc2c[nH]c3ccc(O)cc23",
    "Trp(Me)": "Cc2cn(C)c3ccccc23",
}

POLAR = {
    "Dap": "CN[*:3]",
    "Dab": "CCN[*:3]",
    "Orn": "CCCN[*:3]",
    "hLys": "CCCCCN[*:3]",
    "Lys(Me)": "CCCCNC",
    "Lys(Me2)": "CCCCN(C)C",
    "Lys(Ac)": "CCCCNC(C)=O",
    "Lys(iPr)": "CCCCNC(C)C",
    "hArg": "CCCCNC(=N)N",
    "Cit": "CCCNC(N)=O",
    "hCit": "CCCCNC(N)=O",
    "Aha": "CCN=[N+]=[N-]",
    "aThr": "[C@@H](O[*:3])C",
    "Hse": "CCO[*:3]",
    "Hse(Et)": "CCOCC",
    "Nle(OH)": "CCCCO",
    "Ser(Me)": "COC",
    "Ser(Pr)": "COCCC",
    "Ser(tBu)": "COC(C)(C)C",
    "Ser(Bn)": "COCc2ccccc2",
    "Ser(Ac)": "COC(C)=O",
    "Ser(isoamyl)": "COCCC(C)C",
    "Ser(EtOH)": "COCCO",
    "Ser(EtNMe2)": "COCCN(C)C",
    "Aad": "CCCC(=O)[*:3]",
    "Asp(OMe)": "CC(=O)OC",
    "Glu(OMe)": "CCC(=O)OC",
    "Pye": "CCC(=O)N2CCCC2",
    "Asn(Me2)": "CC(=O)N(C)C",
    "Gln(Me)": "CCC(=O)NC",
    "Gln(Me2)": "CCC(=O)N(C)C",
    "Gln(Mes)": "CCC(=O)NS(C)(=O)=O",
    "hCys": "CCS[*:3]",
    "Pen": "C(C)(C)S[*:3]",
    "Sec": "C[Se][*:3]",
    "Cys(Me)": "CSC",
    "Cys(CH2CO)": "CSCC(=O)[*:3]",
    "Met(O2)": "CCS(C)(=O)=O",
    "Eth": "CCSCC",
    "Abu(morpholino)": "CCN2CCOCC2",
}

TO_NITROGEN = {
    "Aze": "CC1",
    "Pip": "CCCC1",
    "Hyp": "C[C@@H](O[*:3])C1",
    "cHyp": "C[C@H](O[*:3])C1",
    "Hyp(Et)": "C[C@@H](OCC)C1",
    "Hyp(Bn)": "C[C@@H](OCc2ccccc2)C1",
    "Flp": "C[C@@H](F)C1",
    "Pro(4-NH2)": "C[C@@H](N[*:3])C1",
    "Dhp": "C=CC1",
    "Thz": "CSC1",
    "Tic": "Cc2ccccc2C1",
    "Oic": "C[C@@H]2CCCC[C@@H]21",
}
"""Side chains that end on the nitrogen of the backbone."""

RING_SITES = {"2": "Cc2ccccc2{}", "3": "Cc2cccc({})c2", "4": "Cc2ccc({})cc2"}
RING_GROUPS = {
    "F": "F",
    "Cl": "Cl",
    "Br": "Br",
    "I": "I",
    "Me": "C",
    "CF3": "C(F)(F)F",
    "CN": "C#N",
    "NO2": "[N+](=O)[O-]",
    "NH2": "N",
}
"""What replaces a hydrogen of phenylalanine: ``Phe(4-F)``, and of homophenylalanine."""

ON_GLYCINE = {
    "Et": "CC",
    "Pr": "CCC",
    "iPr": "C(C)C",
    "allyl": "CC=C",
    "Bu": "CCCC",
    "iBu": "CC(C)C",
    "pentyl": "CCCCC",
    "isoamyl": "CCC(C)C",
    "cHexCH2": "CC2CCCCC2",
    "MeOEt": "CCOC",
    "EtOEt": "CCOCC",
    "NH2Bu": "CCCCN",
    "Ph": "c2ccccc2",
    "Bn": "Cc2ccccc2",
    "Bn(4-Cl)": "Cc2ccc(Cl)cc2",
    "Bn(4-OH)": "Cc2ccc(O)cc2",
    "PhEt": "CCc2ccccc2",
    "PhPr": "CCCc2ccccc2",
    "PhBu": "CCCCc2ccccc2",
    "PhOEt": "CCOc2ccccc2",
    "iPrOPr": "CCCOC(C)C",
    "oxanylmethyl": "CC2CCOCC2",
    "piperonyl": "Cc2ccc3c(c2)OCO3",
    "methylpyrazolylpropyl": "CCCc2cnn(C)c2",
    "oxopyrrolidinylpropyl": "CCCN2CCCC2=O",
    "morpholinoethyl": "CCN2CCOCC2",
    "isobutylisoxazolylmethyl": "Cc2cc(CC(C)C)on2",
    "pyrazolylmethylbenzyl": "Cc2ccccc2Cn2cccn2",
    "2-pyridylmethyl": "Cc2ccccn2",
    "3-pyridylethyl": "CCc2cccnc2",
}
"""What glycine carries on nitrogen instead of hydrogen: peptoids, ``Bn_Gly``."""

TAUTOMERS = {
    "Cc1c[nH]cn1": "Cc1cnc[nH]1",
    "CCCNC(=N)N": "CCCN=C(N)N",
    "CCCCNC(=N)N": "CCCCN=C(N)N",
}
"""The other spelling of side chains that are drawn in two ways."""


def substituted() -> dict[str, str]:
    """Return phenylalanine and homophenylalanine with one group on the ring, by symbol.

    Example:
        >>> substituted()["Phe(4-F)"], substituted()["Hph(2-Cl)"]
        ('Cc2ccc(F)cc2', 'CCc2ccccc2Cl')
    """
    return {
        f"{parent}({site}-{group})": before + ring.format(spelling)
        for parent, before, groups in (("Phe", "", RING_GROUPS), ("Hph", "C", ("F", "Cl")))
        for site, ring in RING_SITES.items()
        for group in groups
        for spelling in [RING_GROUPS[group]]
    }
