'use strict';

// data: {command, version, date, unit, policies: [{name, reference, definition, help, parameters}],
//   traces: [{name, requests, keys, bytes, curves: [[{size, given, requests, bytes}]]}]}
// A trace's curves are in the order of the policies; of a point, `requests` and `bytes` are the two
// miss ratios. `reference` is opt or opt-bound.
const data = JSON.parse(document.getElementById('data').textContent);
const inBytes = data.unit === 'bytes';
// What the reader has chosen, for all traces alike.
const state = {measure: 'requests', hidden: new Set()};

const WIDTH = 860, HEIGHT = 480;
const BOX = {left: 62, right: WIDTH - 18, top: 14, bottom: HEIGHT - 56};
const COLOURS = 7;
const DASHES = ['', '9 5', '2 4'];
const MOST_COLUMNS = 10, MOST_MARKS = 8, REACH = 80;

// An element of HTML, or of SVG if `space` says so. Texts from the data become text nodes only.
function make(tag, attributes = {}, children = [], space = 'http://www.w3.org/1999/xhtml') {
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const draw = (tag, attributes, children) =>
  make(tag, attributes, children, 'http://www.w3.org/2000/svg');

const whole = (number) => number.toLocaleString('en-US');
function byteSize(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  for (; bytes >= 1024 && at + 1 < units.length; ++at) bytes /= 1024;
  return (at === 0 ? whole(bytes) : bytes.toFixed(1)) + ' ' + units[at];
}
const shortByteSize = (bytes) => byteSize(bytes).replace('.0 ', ' ');
const sizeText = (size) => inBytes ? byteSize(size) : whole(size) + ' objects';
const ratioText = (ratio) => ratio.toFixed(4);
function differenceText(ratio, other) {
  const sign = ratio < other ? '−' : '+';
  const share = other > 0 ? ` (${sign}${(Math.abs(ratio / other - 1) * 100).toFixed(1)} %)` : '';
  return sign + Math.abs(ratio - other).toFixed(4) + share;
}

// How a policy looks: 14 differ by more than their colour.
function lookOf(index) {
  const {reference} = data.policies[index];
  const at = data.policies.slice(0, index).filter((other) => other.reference === reference).length;
  if (reference) return {colour: 'var(--ink)', dash: at ? DASHES[1] : '', shape: -1};
  const round = Math.floor(at / COLOURS);
  return {colour: `var(--c${at % COLOURS})`, dash: DASHES[round % DASHES.length],
          shape: at % COLOURS, open: round % 2 === 1};
}

function mark(look, x, y) {
  const paint = `stroke:${look.colour};fill:${look.open ? 'var(--paper)' : look.colour}`;
  const polygon = (...points) => draw('polygon', {
    class: 'mark', style: paint,
    points: points.map(([dx, dy]) => `${x + dx},${y + dy}`).join(' ')});
  switch (look.shape) {
    case -1: return draw('circle', {class: 'mark', style: paint, cx: x, cy: y, r: 1.5});
    case 0: return draw('circle', {class: 'mark', style: paint, cx: x, cy: y, r: 4});
    case 1: return polygon([-4, -4], [4, -4], [4, 4], [-4, 4]);
    case 2: return polygon([0, -5], [5, 4], [-5, 4]);
    case 3: return polygon([0, 5], [5, -4], [-5, -4]);
    case 4: return polygon([0, -5.5], [5.5, 0], [0, 5.5], [-5.5, 0]);
    case 5: return polygon([-2.5, -4.5], [2.5, -4.5], [5, 0], [2.5, 4.5], [-2.5, 4.5], [-5, 0]);
    default: return draw('path', {class: 'mark', style: paint, d: look.open
      ? `M${x - 5} ${y}h10M${x} ${y - 5}v10` : `M${x - 4} ${y - 4}l8 8m0-8l-8 8`});
  }
}

function stroke(look, d) {
  return draw('path', {class: 'stroke', d, style: `stroke:${look.colour}`,
                       'stroke-dasharray': look.dash});
}

// Round numbers from `least` to `most`, as many as have room for their labels.
function marksOfSizes(least, most) {
  let best = [];
  const consider = (factors, base) => {
    const marks = [];
    for (let power = 1; power <= most; power *= base) {
      marks.push(...factors.map((factor) => factor * power)
        .filter((value) => value >= least && value <= most));
    }
    if (marks.length > best.length && marks.length <= MOST_MARKS) best = marks;
  };
  if (inBytes) {
    for (const base of [2, 4, 16, 64, 1024]) consider([1], base);
  } else {
    for (const factors of [[1], [1, 3], [1, 2, 5]]) consider(factors, 10);
  }
  return best.length < 2 ? [...new Set([least, most])] : best;
}

function stepOfRatios(most) {
  return [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1].find((step) => most / step <= 6) ?? 0.2;
}

// The curve's ratio at a size, between two of its points on the straight line of the chart.
function ratioAt(points, size) {
  const after = points.findIndex((point) => point.size >= size);
  if (after < 0) return null;
  const right = points[after];
  if (right.size === size) return right[state.measure];
  if (after === 0) return null;
  const left = points[after - 1];
  const share = Math.log(size / left.size) / Math.log(right.size / left.size);
  return left[state.measure] + share * (right[state.measure] - left[state.measure]);
}

class Chart {
  constructor(trace, number) {
    this.trace = trace;
    this.near = null; // the point that is told about: {policy, at}
    this.svg = draw('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: 'group',
                            'aria-label': `Miss ratio over cache size, ${trace.name}; arrow keys ` +
                                          'go from point to point', id: `chart-${number}`});
    this.tip = make('div', {class: 'tip', hidden: '', role: 'status'});
    this.element = make('div', {class: 'plot'}, [this.svg, this.tip]);
    this.svg.addEventListener('pointermove', (event) => this.show(this.nearest(event)));
    this.svg.addEventListener('pointerdown', (event) => this.show(this.nearest(event)));
    this.svg.addEventListener('pointerleave', () => this.show(null));
    this.svg.addEventListener('blur', () => this.show(null));
    this.svg.addEventListener('keydown', (event) => this.key(event));
  }

  shown() {
    return this.trace.curves.map((points, policy) => ({points, policy}))
      .filter(({policy}) => !state.hidden.has(policy));
  }

  render() {
    this.near = null;
    this.tip.hidden = true;
    const sizes = this.trace.curves.flat().map((point) => point.size);
    let least = Math.min(...sizes), most = Math.max(...sizes);
    const marks = marksOfSizes(least, most);
    if (least === most) [least, most] = [least / 2, most * 2];
    const highest = Math.max(0.001, ...this.shown().flatMap(({points}) =>
      points.map((point) => point[state.measure])));
    const step = stepOfRatios(highest);
    const top = Math.ceil(highest / step - 1e-9) * step;
    this.x = (size) => BOX.left + 8 + (BOX.right - BOX.left - 16) *
      Math.log(size / least) / Math.log(most / least);
    this.y = (ratio) => BOX.bottom - (BOX.bottom - BOX.top) * ratio / top;
    this.svg.replaceChildren(...this.axes(marks, step, top),
                             ...this.shown().map((curve) => this.curve(curve)));
    this.svg.classList.remove('chosen');
  }

  axes(marks, step, top) {
    const line = (kind, x1, y1, x2, y2) => draw('line', {class: kind, x1, y1, x2, y2});
    const text = (x, y, words, more) => draw('text', {x, y, 'text-anchor': 'middle', ...more},
                                             [words]);
    const parts = [];
    const digits = Math.max(1, Math.ceil(-Math.log10(step) - 1e-9));
    for (let i = 0; i * step <= top + 1e-9; ++i) {
      const y = this.y(i * step);
      parts.push(line('grid', BOX.left, y, BOX.right, y));
      parts.push(text(BOX.left - 8, y + 4, (i * step).toFixed(digits), {'text-anchor': 'end'}));
    }
    for (const size of marks) {
      parts.push(line('grid', this.x(size), BOX.top, this.x(size), BOX.bottom));
      parts.push(text(this.x(size), BOX.bottom + 20, inBytes ? shortByteSize(size) : whole(size)));
    }
    parts.push(line('frame', BOX.left, BOX.bottom, BOX.right, BOX.bottom));
    parts.push(line('frame', BOX.left, BOX.top, BOX.left, BOX.bottom));
    parts.push(text((BOX.left + BOX.right) / 2, HEIGHT - 12, `cache size (${data.unit}, log scale)`,
                    {class: 'axis'}));
    parts.push(text(0, 0, `miss ratio (share of the ${state.measure})`, {
      class: 'axis', transform: `translate(16 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)`}));
    return parts;
  }

  curve({points, policy}) {
    const look = lookOf(policy);
    const places = points.map((point) => [this.x(point.size), this.y(point[state.measure])]);
    const every = Math.max(1, Math.floor(points.length / 12)); // of many points a dozen is marked
    const marked = places.filter((_, i) => i % every === 0);
    return draw('g', {class: 'curve' + (look.shape < 0 ? ' reference' : ''), 'data-policy': policy},
                [stroke(look, 'M' + places.map((place) => place.join(' ')).join('L')),
                 ...marked.map(([x, y]) => mark(look, x, y))]);
  }

  // The point next to the pointer, if any is in reach.
  nearest(event) {
    const frame = this.svg.getBoundingClientRect();
    const x = (event.clientX - frame.left) * WIDTH / frame.width;
    const y = (event.clientY - frame.top) * HEIGHT / frame.height;
    let best = null, distance = REACH;
    for (const {points, policy} of this.shown()) {
      points.forEach((point, at) => {
        const away = Math.hypot(this.x(point.size) - x, this.y(point[state.measure]) - y);
        if (away < distance) [best, distance] = [{policy, at}, away];
      });
    }
    return best;
  }

  key(event) {
    const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};
    if (event.key === 'Escape') this.show(null);
    if (!steps[event.key] || this.shown().length === 0) return;
    event.preventDefault();
    const [along, up] = steps[event.key];
    // Up and down go from curve to curve as they lie at the size.
    const at = Math.max(0, (this.near?.at ?? -along) + along);
    const column = this.shown().filter(({points}) => at < points.length)
      .sort((a, b) => a.points[at][state.measure] - b.points[at][state.measure]);
    if (column.length === 0) return;
    const was = column.findIndex(({policy}) => policy === this.near?.policy);
    const next = Math.min(column.length - 1, Math.max(0, was + up));
    this.show({policy: column[next].policy, at});
  }

  show(near) {
    this.near = near;
    this.highlight(near ? near.policy : null);
    this.svg.querySelector('.ring')?.remove();
    this.tip.hidden = !near;
    if (!near) return;
    const point = this.trace.curves[near.policy][near.at];
    const x = this.x(point.size), y = this.y(point[state.measure]);
    this.svg.append(draw('circle', {class: 'ring', cx: x, cy: y, r: 7}));
    this.tip.replaceChildren(make('strong', {}, [data.policies[near.policy].name]),
                             make('table', {}, [make('tbody', {}, this.rows(near, point))]));
    const frame = this.svg.getBoundingClientRect();
    const scale = frame.width / WIDTH;
    const left = x * scale + (x > WIDTH / 2 ? -16 - this.tip.offsetWidth : 16);
    const highest = frame.height - this.tip.offsetHeight;
    this.tip.style.left = `${Math.max(0, left)}px`;
    this.tip.style.top = `${Math.max(0, Math.min(highest, y * scale - 20))}px`;
  }

  rows(near, point) {
    const given = /%$/.test(point.given) ? ` (${point.given})` : '';
    const rows = [['size', sizeText(point.size) + given],
                  [state.measure === 'bytes' ? 'byte miss ratio' : 'miss ratio',
                   ratioText(point[state.measure])]];
    for (const name of ['lru', 'opt']) {
      const other = data.policies.findIndex((policy) => policy.name === name);
      if (other < 0 || other === near.policy) continue;
      const ratio = ratioAt(this.trace.curves[other], point.size);
      if (ratio !== null) rows.push([`against ${name}`,
                                     differenceText(point[state.measure], ratio)]);
    }
    return rows.map(([name, value]) => make('tr', {}, [
      make('th', {scope: 'row'}, [name]), make('td', {}, [value])]));
  }

  highlight(policy) {
    this.svg.classList.toggle('chosen', policy !== null && !state.hidden.has(policy));
    for (const curve of this.svg.querySelectorAll('.curve')) {
      const near = Number(curve.dataset.policy) === policy;
      curve.classList.toggle('near', near);
      if (near) this.svg.append(curve); // above the others
    }
  }
}

// The ratios of a trace; a click on a column's head sorts by it, another one the other way round.
class Table {
  constructor(trace) {
    this.trace = trace;
    const sizes = [...new Set(trace.curves.flat().map((point) => point.size))]
      .sort((a, b) => a - b);
    const last = sizes.length - 1;
    const columns = Math.min(sizes.length, MOST_COLUMNS);
    this.sizes = sizes.filter((_, i) => columns > last ||
      Math.floor(i * columns / sizes.length) !== Math.floor((i - 1) * columns / sizes.length));
    this.order = {column: -1, sign: 1}; // -1: the policy
    this.head = make('tr');
    this.body = make('tbody');
    this.element = make('div', {class: 'wide'}, [
      make('table', {class: 'ratios'}, [make('thead', {}, [this.head]), this.body])]);
    this.head.append(this.header(-1, 'policy', ''), ...this.sizes.map((size, i) => {
      const given = trace.curves.flat().find((point) => point.size === size).given;
      const text = inBytes ? byteSize(size) : whole(size);
      return /%$/.test(given) ? this.header(i, given, text) : this.header(i, text, '');
    }));
  }

  header(column, text, small) {
    const button = make('button', {type: 'button'}, [text]);
    if (small) button.append(make('small', {}, [small]));
    button.addEventListener('click', () => {
      const again = this.order.column === column;
      this.order = {column, sign: again ? -this.order.sign : 1};
      this.render();
    });
    return make('th', {scope: 'col'}, [button]);
  }

  render() {
    const rows = this.trace.curves.map((points, policy) => ({
      policy, reference: data.policies[policy].reference,
      ratios: this.sizes.map((size) => ratioAt(points, size))}));
    const {column, sign} = this.order;
    const key = (row) => column < 0 ? row.policy : row.ratios[column] ?? Infinity;
    rows.sort((a, b) => sign * (key(a) - key(b)) || a.policy - b.policy);
    const rivals = rows.filter((row) => !row.reference);
    const best = this.sizes.map((_, i) => {
      const ratios = rivals.map((row) => row.ratios[i] ?? Infinity);
      const least = Math.min(...ratios);
      return ratios.some((ratio) => ratio !== least) ? least : null; // where all are equal, none
    });
    this.body.replaceChildren(...rows.map((row) => make(
      'tr', row.reference ? {class: 'reference'} : {}, [
        make('th', {scope: 'row'}, [data.policies[row.policy].name]),
        ...row.ratios.map((ratio, i) => {
          if (ratio === null) return make('td');
          const isBest = !row.reference && ratio === best[i];
          return make('td', isBest ? {class: 'best'} : {},
                      [(isBest ? '★ ' : '') + ratioText(ratio)]);
        })])));
    [...this.head.children].forEach((cell, i) => {
      if (i - 1 === column) {
        cell.setAttribute('aria-sort', sign > 0 ? 'ascending' : 'descending');
      } else {
        cell.removeAttribute('aria-sort');
      }
    });
  }
}

const views = []; // of each trace {chart, table, boxes, measures}

function renderAll() {
  for (const {chart, table, boxes, measures} of views) {
    boxes.forEach((box, policy) => { box.checked = !state.hidden.has(policy); });
    for (const radio of measures) radio.checked = radio.value === state.measure;
    chart.render();
    table.render();
  }
}

function policyBoxes(chart) {
  const boxes = data.policies.map((policy, index) => {
    const box = make('input', {type: 'checkbox'});
    box.addEventListener('change', () => {
      if (box.checked) state.hidden.delete(index);
      else state.hidden.add(index);
      renderAll();
    });
    return box;
  });
  const labels = data.policies.map((policy, index) => {
    const look = lookOf(index);
    const swatch = draw('svg', {viewBox: '0 0 44 16', 'aria-hidden': 'true'},
                        [draw('g', {class: 'curve' + (look.shape < 0 ? ' reference' : '')},
                              [stroke(look, 'M1 8H43'), mark(look, 22, 8)])]);
    const label = make('label', {}, [boxes[index], swatch, make('span', {}, [policy.name])]);
    label.addEventListener('pointerenter', () => chart.highlight(index));
    label.addEventListener('pointerleave', () => chart.highlight(null));
    return label;
  });
  const button = (text, hidden) => {
    const element = make('button', {type: 'button'}, [text]);
    element.addEventListener('click', () => {
      state.hidden = new Set(hidden);
      renderAll();
    });
    return element;
  };
  const element = make('fieldset', {class: 'policies'}, [
    make('legend', {}, ['Policies']), make('div', {}, labels),
    make('p', {}, [button('All', []), button('None', data.policies.keys())])]);
  return {element, boxes};
}

function measureRadios(number) {
  const measures = ['requests', 'bytes'].map((value) => {
    const radio = make('input', {type: 'radio', name: `measure-${number}`, value});
    radio.addEventListener('change', () => {
      state.measure = value;
      renderAll();
    });
    return radio;
  });
  const element = make('fieldset', {class: 'measure'}, [
    make('legend', {}, ['Miss ratio of']),
    ...measures.map((radio) => make('label', {}, [radio, radio.value]))]);
  return {element, measures};
}

function addTrace(trace, number) {
  const facts = `${whole(trace.requests)} requests for ${whole(trace.keys)} keys` +
    (trace.bytes === null ? '' : ` of ${byteSize(trace.bytes)}`);
  const chart = new Chart(trace, number);
  const table = new Table(trace);
  const {element: legend, boxes} = policyBoxes(chart);
  // Without sizes there is one ratio only.
  const sized = data.traces.some((other) => other.bytes !== null);
  const {element: choice, measures} = sized ? measureRadios(number) : {element: '', measures: []};
  document.getElementById('traces').append(make('section', {id: `trace-${number}`}, [
    make('h2', {}, [trace.name]), make('p', {class: 'facts'}, [facts]),
    make('figure', {class: 'chart'}, [chart.element, make('div', {}, [choice, legend])]),
    table.element,
    make('p', {class: 'note'}, ['★ the least at this size of those who do not know the future. The head of a column ' +
                                'sorts by it.'])]));
  views.push({chart, table, boxes, measures});
}

function addOrigin() {
  const set = (id, text) => { document.getElementById(id).textContent = text; };
  set('command', data.command);
  set('program', `kvtool ${data.version}, ${data.date}`);
  set('unit', inBytes
    ? 'In bytes: what is cached may have so many together, each object counting with its size.'
    : 'In objects, of whatever size.');
  document.querySelector('#policies tbody').append(...data.policies.map((policy) => make('tr', {}, [
    make('th', {scope: 'row'}, [policy.name]),
    make('td', {}, [policy.help]),
    make('td', {}, policy.reference ? [] : policy.parameters.map(({name, value, help}) => make(
      'div', {}, [make('code', {}, [`${name}=${value}`]), ` ${help}`])))])));
}

function addContents() {
  const contents = document.getElementById('contents');
  if (data.traces.length < 2) return contents.remove();
  data.traces.forEach((trace, number) => contents.append(
    number ? ' · ' : '', make('a', {href: `#trace-${number}`}, [trace.name])));
}

addContents();
data.traces.forEach(addTrace);
addOrigin();
renderAll();
