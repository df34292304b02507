'use strict';
// What bench:peers says of figures, without measuring any: the order of turns, ratios and their verdicts, and that the page
// in docs is what its run gives.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, it } = require('node:test');
const { FOLDER, documentOf, reason } = require('../bench/peers/document.js');
const { NAMES, loadFeature, readArguments } = require('../bench/peers/features.js');
const { PICTURES } = require('../bench/peers/pictures.js');
const { Clock, limitMs, turns } = require('../bench/peers/plan.js');
const { losses, stand, verdict } = require('../bench/peers/ratios.js');
const { ROOT } = require('./support/child.js');

/** A case of two, whose rounds answered these. @param {number[]} ours @param {(number | null)[]} peer @param {'less' | 'more'} [better] */
function measured(ours, peer, better = 'less') {
  const rounds = (/** @type {(number | null)[]} */ all) => ({
    rounds: all.map((value) => (value === null ? null : { ns: value })),
  });
  const metrics = { ns: { title: 'ns a call', better } };
  const results = { redstart: rounds(ours), other: rounds(peer) };
  return { id: 'get', title: 'get', contenders: ['redstart', 'other'], metrics, results };
}

const bar = { text: 'get', case: 'get', metric: 'ns', ours: 'redstart', peer: 'other' };
const STEADY = [10, 10, 10, 10, 10];

describe('the plan', () => {
  const one = { id: 'a', title: 'a', contenders: ['x', 'y', 'z'], options: {}, seconds: 2, metrics: {} };
  const two = { ...one, id: 'b', contenders: ['x', 'y'], seconds: { x: 10, y: 1 } };

  it('runs A B B A, all cases in each round', () => {
    const order = turns([one, two], 3).map((turn) => `${turn.case.id}${turn.contender}${turn.round}`);
    const even = (/** @type {number} */ round) => ['ax', 'ay', 'az', 'bx', 'by'].map((name) => `${name}${round}`);
    assert.deepEqual(order, [...even(0), 'az1', 'ay1', 'ax1', 'by1', 'bx1', ...even(2)]);
  });

  it('knows how long is left: by what was seen, else by how far the estimates are off', () => {
    const clock = new Clock();
    const [first, second, , fourth] = turns([one, two], 1);
    assert.equal(clock.left([first, second, fourth]), 14);
    clock.took(first, 3);
    assert.equal(clock.left([first, second, fourth]), 3 + 1.5 * 2 + 1.5 * 10);
  });

  it('gives a child ten times its estimate, and a minute at least', () => {
    const [first, , , fourth] = turns([one, two], 1);
    assert.equal(limitMs(first), 60_000);
    assert.equal(limitMs(fourth), 100_000);
  });
});

describe('the arguments', () => {
  it('are all features, five rounds and the default set unless said otherwise', () => {
    const { names, full, rounds } = readArguments([]);
    assert.deepEqual({ names, full, rounds }, { names: NAMES, full: false, rounds: 5 });
  });

  it('keep the order of the features', () => {
    const { names, full, rounds } = readArguments(['--only', 'queue,cache', '--full', '--rounds=7']);
    assert.deepEqual({ names, full, rounds }, { names: ['cache', 'queue'], full: true, rounds: 7 });
  });

  for (const args of [['--fast'], ['--only', 'caches'], ['--rounds', '0'], ['--rounds', 'x'], ['cache'], ['--only']]) {
    it(`refuse ${args.join(' ')}`, () => assert.throws(() => readArguments(args), /Known|takes/));
  }
});

describe('a ratio', () => {
  it('is of the neighbours of a round, not of medians', () => {
    const { ratio } = stand({ ...bar, atLeast: 2 }, [measured([10, 20, 40, 80, 10], [30, 60, 120, 240, 30])]);
    assert.deepEqual(ratio, { median: 3, least: 3, most: 3, rounds: 5 });
  });

  it('is times as good for atLeast, whichever is better, and times the figure for atMost', () => {
    const of = (/** @type {object} */ wanted, /** @type {'less' | 'more'} */ better) =>
      stand({ ...bar, ...wanted }, [measured(STEADY, [40, 40, 40, 40, 40], better)]).ratio?.median;
    assert.equal(of({ atLeast: 1 }, 'less'), 4);
    assert.equal(of({ atLeast: 1 }, 'more'), 0.25);
    assert.equal(of({ atMost: 1 }, 'less'), 0.25);
    assert.equal(of({ atMost: 1 }, 'more'), 0.25);
  });

  it('may be with a figure of another case', () => {
    const other = { ...measured([50, 50, 50, 50, 50], STEADY), id: 'two' };
    const wanted = { ...bar, peer: 'redstart', peerCase: 'two', atLeast: 1 };
    assert.equal(stand(wanted, [measured(STEADY, STEADY), other]).ratio?.median, 5);
  });

  it('holds beyond its bar in every round, does not on the near side of it in every round, and else is undecided', () => {
    const told = (/** @type {number[]} */ peer, /** @type {object} */ wanted) =>
      stand({ ...bar, ...wanted }, [measured(STEADY, peer)]).verdict;
    assert.equal(told([20, 21, 22, 23, 24], { atLeast: 2 }), 'holds');
    assert.equal(told([19, 21, 22, 23, 24], { atLeast: 2 }), 'undecided');
    assert.equal(told([15, 16, 17, 18, 19], { atLeast: 2 }), 'does not hold');
    assert.equal(told([20, 21, 22, 23, 24], { atMost: 0.5 }), 'holds');
    assert.equal(told([19, 21, 22, 23, 24], { atMost: 0.5 }), 'undecided');
    assert.equal(told([15, 16, 17, 18, 19], { atMost: 0.5 }), 'does not hold');
  });

  it('is undecided with too few rounds, those that failed left out', () => {
    const wanted = { ...bar, atLeast: 2 };
    assert.equal(stand(wanted, [measured(STEADY, [30, null, 30, 30, 30])]).verdict, 'undecided: 4 of 5 rounds');
    assert.equal(verdict({ atLeast: 2 }, { median: 3, least: 3, most: 3, rounds: 1 }), 'undecided: 1 of 5 rounds');
  });

  it('is not measured without its case, its contender or its figures', () => {
    assert.equal(stand({ ...bar, atLeast: 2 }, []).verdict, 'not measured');
    assert.equal(stand({ ...bar, peer: 'nobody', atLeast: 2 }, [measured(STEADY, STEADY)]).verdict, 'not measured');
    assert.equal(stand({ ...bar, atLeast: 2 }, [measured(STEADY, [])]).verdict, 'not measured');
  });
});

describe('a loss', () => {
  it('is one in every round', () => {
    const times = (/** @type {number[]} */ peer, /** @type {'less' | 'more'} */ better) =>
      losses(measured(STEADY, peer, better), []).map((loss) => loss.times);
    assert.deepEqual(times([5, 5, 5, 5, 5], 'less'), [2]);
    assert.deepEqual(times([5, 5, 5, 5, 10], 'less'), []);
    assert.deepEqual(times([20, 20, 20, 20, 20], 'more'), [2]);
    assert.deepEqual(times([5, 5, 5, 5, 5], 'more'), []);
  });

  it('is of the first of ours, and of others that a bar names', () => {
    const one = measured(STEADY, [15, 15, 15, 15, 15]);
    const slow = { rounds: STEADY.map(() => ({ ns: 30 })) };
    const two = {
      ...one,
      contenders: [...one.contenders, 'redstart, slow'],
      results: { ...one.results, 'redstart, slow': slow },
    };
    assert.deepEqual(losses(two, []), []);
    const named = { ...bar, ours: 'redstart, slow', atLeast: 1 };
    assert.deepEqual(losses(two, [named]), [
      { ours: 'redstart, slow', peer: 'other', metric: one.metrics.ns, times: 2 },
    ]);
  });
});

for (const name of NAMES) {
  describe(`bench/peers/${name}`, () => {
    const feature = loadFeature(name);
    const cases = feature.cases(false);

    it('has cases of its own ids and known contenders, by default and in full', () => {
      for (const set of [cases, feature.cases(true)]) {
        assert.equal(new Set(set.map(({ id }) => id)).size, set.length);
        for (const { contenders, seconds } of set) {
          for (const contender of contenders) {
            assert.ok(contender in feature.contenders, contender);
            assert.ok((typeof seconds === 'number' ? seconds : seconds[contender]) > 0, contender);
          }
        }
      }
    });

    it('has bars and charts of what the default set measures', () => {
      const find = (/** @type {string} */ id) => cases.find((one) => one.id === id) ?? assert.fail(id);
      for (const { case: id, metric, ours, peer, peerCase, atLeast, atMost } of feature.bars) {
        assert.ok(metric in find(id).metrics && metric in find(peerCase ?? id).metrics, metric);
        assert.ok(
          find(id).contenders.includes(ours) && find(peerCase ?? id).contenders.includes(peer),
          `${ours} ${peer}`,
        );
        assert.equal(Number(atLeast !== undefined) + Number(atMost !== undefined), 1);
      }
      for (const picture of PICTURES[name] ?? []) {
        for (const id of picture.cases) assert.ok(picture.metric in find(id).metrics, id);
      }
    });
  });
}

describe('docs/benchmarks.md', () => {
  const run = JSON.parse(fs.readFileSync(path.join(ROOT, FOLDER, 'run.json'), 'utf8'));

  it('is what its run gives, the charts too', () => {
    const files = documentOf(run);
    for (const [name, text] of files) assert.equal(fs.readFileSync(path.join(ROOT, name), 'utf8'), text, name);
    const there = fs.readdirSync(path.join(ROOT, FOLDER)).map((name) => `${FOLDER}/${name}`);
    assert.deepEqual(there.sort(), [...files.keys()].filter((name) => name.startsWith(`${FOLDER}/`)).sort());
  });

  it('is of a whole run', () => {
    assert.deepEqual(
      run.features.map((/** @type {any} */ feature) => feature.name),
      NAMES,
    );
    assert.ok(run.rounds >= 5);
  });

  it('says why, wherever redstart loses', () => {
    for (const feature of run.features) {
      for (const one of feature.cases) {
        for (const loss of losses(one, feature.bars)) {
          assert.ok(reason(feature, one, loss), `${feature.name}: ${one.id}: ${loss.peer}`);
        }
      }
    }
  });
});
