/** Bar charts as SVG, by hand: the same figures give the same bytes. */
const { number } = require('./words.js');

/**
 * @typedef {{ name: string, ours: boolean, median: number, least: number, most: number }} Bar
 * @typedef {{ title: string, bars: Bar[] }} Group
 */

const WIDTH = 800;
const VALUES = 100;
/** At most; fonts differ. */
const LETTER = 7;
const ROW = 22;
const GROUP = 32;
const TOP = 52;
/** Where the largest is so many times the smallest, the small ones could not be seen on a linear scale. */
const LINEAR_MOST = 40;

/** Middle tones, which have the same contrast on white and on near black: nobody knows where the chart is shown. */
const TEXT = '#747c86';
const OURS = '#d2493a';
const PEER = '#5a82b4';
/** A line with an edge, which stands out on bars and on any background. */
const EDGE = 'stroke="#ffffff" stroke-width="4"';
const WHISKER = 'stroke="#24292f" stroke-width="1.5"';

const escaped = (/** @type {string} */ text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const at = (/** @type {number} */ value) => String(Number(value.toFixed(1)));

/** @param {number} x @param {number} y @param {string} text @param {string} [more] */
const label = (x, y, text, more = '') => `<text x="${at(x)}" y="${at(y)}"${more}>${escaped(text)}</text>`;

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 @param {string} more */
const line = (x1, y1, x2, y2, more) => `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" ${more}/>`;

/** Steps of 1, 2 or 5 times a power of ten, four to eight of them. @param {number} most */
function step(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * ([0.2, 0.5, 1, 2].find((part) => most / (part * power) <= 6) ?? 2);
}

/** Places values in the plot. @param {Bar[]} bars @param {number} left Where it begins. */
function scaleOf(bars, left) {
  const plot = WIDTH - left - VALUES;
  const most = Math.max(...bars.map((bar) => bar.most));
  const least = Math.min(...bars.map((bar) => bar.least));
  if (least <= 0 || most / least <= LINEAR_MOST) {
    const by = step(most || 1);
    const end = Math.ceil((most || 1) / by) * by;
    const ticks = Array.from({ length: Math.round(end / by) + 1 }, (_, index) => index * by);
    return { left, logarithmic: false, ticks, place: (/** @type {number} */ value) => left + (value / end) * plot };
  }
  // A decade begins below the least, so that its bar can be seen.
  const from = Math.ceil(Math.log10(least)) - 1;
  const to = Math.ceil(Math.log10(most));
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  const place = (/** @type {number} */ value) => left + ((Math.log10(value) - from) / (to - from)) * plot;
  return { left, logarithmic: true, ticks, place };
}

/** @param {Bar} bar @param {number} y @param {ReturnType<typeof scaleOf>} scale @param {number} [digits] */
function drawn(bar, y, { left, place }, digits) {
  const middle = y + ROW / 2;
  const [from, to] = [place(bar.least), place(bar.most)];
  const whisker = (/** @type {string} */ stroke) => [
    line(from, middle, to, middle, stroke),
    line(from, middle - 4, from, middle + 4, stroke),
    line(to, middle - 4, to, middle + 4, stroke),
  ];
  return [
    label(left - 8, middle + 4, bar.name, ' text-anchor="end"'),
    `<rect x="${left}" y="${at(y + 4)}" width="${at(place(bar.median) - left)}" height="${ROW - 8}" fill="${bar.ours ? OURS : PEER}"/>`,
    ...whisker(EDGE),
    ...whisker(WHISKER),
    label(to + 6, middle + 4, number(bar.median, digits)),
  ];
}

/**
 * @param {string} title @param {{ title: string, better: 'less' | 'more', digits?: number }} metric
 * @param {Group[]} groups
 */
function chart(title, metric, groups) {
  const bars = groups.flatMap((group) => group.bars);
  const scale = scaleOf(bars, 16 + LETTER * Math.max(...bars.map(({ name }) => name.length)));
  const bottom = TOP + groups.reduce((sum, group) => sum + GROUP + ROW * group.bars.length, 0);
  const unit = `${metric.title}, ${metric.better} is better${scale.logarithmic ? '; the scale is logarithmic' : ''}`;
  const shapes = [label(8, 20, title, ' font-size="15" font-weight="bold"'), label(8, 40, unit)];
  for (const tick of scale.ticks) {
    const x = scale.place(tick);
    shapes.push(line(x, TOP, x, bottom, `stroke="${TEXT}" stroke-opacity="0.35"`));
    shapes.push(label(x, bottom + 16, tick.toLocaleString('en'), ' text-anchor="middle"'));
  }
  let y = TOP;
  for (const group of groups) {
    shapes.push(label(8, y + GROUP - 8, group.title, ' font-weight="bold"'));
    y += GROUP;
    for (const bar of group.bars) {
      shapes.push(...drawn(bar, y, scale, metric.digits));
      y += ROW;
    }
  }
  const height = bottom + 28;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escaped(`${title}: ${unit}`)}</title>`,
    `<g font-family="system-ui, sans-serif" font-size="12" fill="${TEXT}">`,
    ...shapes,
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

module.exports = { chart };
