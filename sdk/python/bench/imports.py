"""What importing the library costs, beside another `ops` in the same run: processor time, and memory that it adds.

    imports.py [--theirs DIR[:DIR…]] [--python INTERPRETER] [--rounds N]

`--theirs` is an import path with Canonical's `ops` and what it needs. Each round starts every case once, so that a busy
machine is as busy for all of them. Bytecode is compiled before the first round that counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What every charm uses: a name costs nothing until it is used, so importing the package alone would measure nothing.
CHARM = (
    'import ops; ops.CharmBase, ops.ActiveStatus, ops.main, ops.StoredState, ops.Framework, ops.Relation, '
    'ops.EventBase, ops.ConfigChangedEvent'
)
MORE = CHARM + '; ops.Container, ops.pebble.Client, ops.Secret, ops.Network'

PROBE = """
import time
begin = time.process_time()
{code}
spent = time.process_time() - begin
peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(spent * 1000, peak)
"""


def run(python, path, code, cache):
    env = {'PYTHONPATH': path, 'PATH': '/usr/bin:/bin', 'PYTHONPYCACHEPREFIX': cache}
    out = subprocess.run([python, '-c', PROBE.format(code=code)], env=env, check=True, stdout=subprocess.PIPE)
    return [float(word) for word in out.stdout.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--theirs', default='')
    parser.add_argument('--python', default=sys.executable)
    parser.add_argument('--rounds', type=int, default=25)
    args = parser.parse_args()
    cases = {'nothing': ('', 'pass'), 'ours: import ops': (OURS, 'import ops'), 'ours: what every charm uses': (OURS, CHARM),
             'ours: containers, secrets, networks too': (OURS, MORE)}
    if args.theirs:
        cases['theirs: what every charm uses'] = (args.theirs, CHARM)
        cases['theirs: containers, secrets, networks too'] = (args.theirs, MORE)
    seen = {name: [] for name in cases}
    with tempfile.TemporaryDirectory() as cache:
        for n in range(args.rounds + 1):
            for name, (path, code) in cases.items():
                result = run(args.python, path, code, cache)
                if n:
                    seen[name].append(result)
    floor = statistics.median(peak for _, peak in seen['nothing'])
    print(f'{args.python}, {args.rounds} rounds: p50 (least) of processor time, p50 of memory added')
    for name, results in seen.items():
        times, peaks = zip(*results)
        added = (statistics.median(peaks) - floor) / 1024
        print(f'{name:44} {statistics.median(times):7.1f} ms ({min(times):.1f})  {added:6.1f} MiB')


if __name__ == '__main__':
    main()
