"""Writes reference.json: what SciPy gives for the arguments that the tests in this folder use. Run it in this folder."""
import json
import numpy as np
import scipy
import scipy.special as sp
import scipy.stats as st

inf, nan = np.inf, np.nan
rng = np.random.default_rng(5)


def uniform(a, b, n=12):
    return [float(np.float32(x)) for x in rng.uniform(a, b, n)]


def geometric(a, b, n=12):
    return [float(np.float32(x)) for x in np.exp(rng.uniform(np.log(a), np.log(b), n))]


def text(values):
    """Numbers that JSON knows; the others as strings that JavaScript's Number reads."""
    name = lambda x: 'NaN' if np.isnan(x) else ('Infinity' if x > 0 else '-Infinity')
    return [float(x) if np.isfinite(x) else name(x) for x in np.ravel(np.asarray(values, float))]


special = {
    'gammaln': [uniform(-5, 50) + [0, inf]],
    'gamma': [uniform(-5, 20) + [inf]],
    'gammasgn': [[-2.5, -1.5, -0.5, 1, 2.5]],
    'betaln': [geometric(0.05, 50), geometric(0.05, 50)],
    'beta': [geometric(0.05, 20), geometric(0.05, 20)],
    'betainc': [geometric(0.1, 50) + [2, 3], geometric(0.1, 50) + [3, 2], uniform(0, 1) + [0, 1]],
    'gammainc': [geometric(0.1, 200) + [1.5, 2], geometric(0.1, 200) + [0, inf]],
    'gammaincc': [geometric(0.1, 200) + [1.5, 2], geometric(0.1, 200) + [0, inf]],
    'factorial': [[0, 1, 5, 2.5, 12]],
    'comb': [[5, 10, 10, 3, 4], [2, 3, 11, 0, -1]],
    'poch': [uniform(0.1, 5), uniform(0, 5)],
    'digamma': [uniform(0.05, 30) + [-0.5, -3.25]],
    'zeta': [uniform(1.1, 10), geometric(0.1, 20)],
    'polygamma': [[1, 1, 2, 2, 3, 4, 5, 0], geometric(0.1, 30, 8)],
    'erf': [uniform(-4, 4) + [inf]],
    'erfc': [uniform(-4, 8) + [-inf]],
    'erfinv': [uniform(-1, 1) + [-1, 1, 0, 2]],
    'erfcx': [uniform(-5, 40) + [inf]],
    'dawsn': [uniform(-12, 12) + [0]],
    'ndtr': [uniform(-9, 9)],
    'ndtri': [uniform(0, 1) + [0, 1, 1e-10, 1e-30, 2, -1]],
    'log_ndtr': [uniform(-40, 20)],
    'owens_t': [uniform(-4, 4), uniform(-5, 5)],
    'logit': [uniform(0, 1) + [0, 1]],
    'expit': [uniform(-20, 20)],
    'xlogy': [uniform(0, 3) + [0], uniform(0, 3) + [0]],
    'xlog1py': [uniform(0, 3) + [0], uniform(-0.9, 3) + [-1]],
    'entr': [uniform(0, 3) + [0, -1]],
    'rel_entr': [uniform(0, 3) + [0, -1], uniform(0, 3) + [1, 1]],
    'kl_div': [uniform(0, 3) + [0, -1], uniform(0, 3) + [1, 1]],
    'boxcox': [uniform(0.1, 5), uniform(-2, 2, 11) + [0]],
    'boxcox1p': [uniform(-0.5, 5), uniform(-2, 2, 11) + [0]],
    'i0': [uniform(-20, 20) + [0]],
    'i0e': [uniform(-20, 20) + [200]],
    'i1': [uniform(-20, 20) + [0]],
    'i1e': [uniform(-20, 20) + [200]],
    'exp1': [geometric(1e-5, 60) + [0, inf]],
    'expi': [uniform(-30, 60) + [0, -inf]],
    'expn': [[0, 1, 2, 3, 5, 20, 1, 2], geometric(1e-4, 30, 8)],
    'spence': [geometric(1e-4, 1e4) + [0, 1, -1]],
}
with np.errstate(all='ignore'):
    out = {'scipy': scipy.__version__, 'special': {}, 'stats': {}}
    for name, arguments in special.items():
        columns = [np.array(column, float) for column in arguments]
        if name in ('expn', 'polygamma'):
            columns[0] = columns[0].astype(int)
        values = getattr(sp, name)(*columns)
        out['special'][name] = {'arguments': [text(column) for column in arguments], 'values': text(values)}

    continuous = {
        'norm': [], 'cauchy': [], 'expon': [], 'laplace': [], 'logistic': [], 'uniform': [], 'gumbel_l': [],
        'gumbel_r': [], 'beta': [2.5, 0.7], 'gamma': [2.2], 'chi2': [3.3], 't': [4.5], 'pareto': [1.5],
        'gennorm': [1.4], 'truncnorm': [-1.2, 2.1], 'vonmises': [2], 'wrapcauchy': [0.4],
    }
    kinds = ['logpdf', 'pdf', 'cdf', 'logcdf', 'sf', 'logsf', 'ppf', 'isf']
    where = {'loc': 0.3, 'scale': 1.7}
    for name, shapes in continuous.items():
        angle = name in ('vonmises', 'wrapcauchy')
        options = {} if angle else where
        inside = uniform(0.1, 3) if angle else uniform(-3, 5)
        levels = uniform(0, 1) + [0, 1, -0.1, 1.1]
        for kind in kinds:
            x = levels if kind in ('ppf', 'isf') else inside
            values = getattr(getattr(st, name), kind)(np.array(x), *shapes, **options)
            row = {'x': text(x), 'shapes': shapes, 'options': options, 'values': text(values)}
            out['stats'][f'{name}.{kind}'] = row
    counts = [-1, 0, 1, 2, 3, 4, 5, 7, 10, 20]
    discrete = {
        'binom': [7, 0.3], 'nbinom': [3, 0.4], 'geom': [0.3], 'poisson': [3.4], 'betabinom': [7, 2, 3],
        'bernoulli': [0.3],
    }
    for name, shapes in discrete.items():
        for kind in ['logpmf', 'pmf', 'cdf']:
            x = [-1, 0, 1, 2] if name == 'bernoulli' else counts
            values = getattr(getattr(st, name), kind)(np.array(x), *shapes)
            row = {'x': x, 'shapes': shapes, 'options': {}, 'values': text(values)}
            out['stats'][f'{name}.{kind}'] = row

lines = lambda rows: ',\n'.join(f'    {json.dumps(k)}: {json.dumps(v)}' for k, v in rows.items())
with open('reference.json', 'w') as file:
    file.write('{\n' + f'  "scipy": "{out["scipy"]}",\n')
    file.write(',\n'.join(f'  "{part}": {{\n{lines(out[part])}\n  }}' for part in ('special', 'stats')) + '\n}\n')
