"""The closed-form tasks of the practical molecular optimisation (PMO) benchmark.

PMO has 23 tasks; three of them score with pickled classifiers and are not here.

Source: Sample efficiency matters: a benchmark for practical molecular optimization (Gao et al.,
2022, 2206.12411); most tasks are from GuacaMol (Brown et al., 2019, 1811.09621).
"""
