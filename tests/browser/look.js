// Looks at a page as it is laid out. Answers what is wrong: anything cut or beyond the window, short words broken, plots without
// boxes, words or tables, letters smaller than the argument says or over one another.
const smallest = arguments[0];
const faults = [];
const root = document.documentElement;
const name = (element) => {
  const text = (element.textContent || '').trim().replace(/\s+/g, ' ').slice(0, 40);
  return `<${element.tagName.toLowerCase()}${element.id ? '#' + element.id : ''}> "${text}"`;
};
// For those who hear the page alone.
const unseen = (element) => element.closest('thead') && getComputedStyle(element.closest('thead')).clipPath !== 'none';
const shown = (element) => element.getClientRects().length > 0 && !unseen(element);

if (root.scrollWidth > root.clientWidth) faults.push(`the page is ${root.scrollWidth} px wide in a window of ${root.clientWidth}`);
for (const element of document.body.querySelectorAll('*')) {
  if (element.closest('svg') || !shown(element)) continue;
  const style = getComputedStyle(element);
  const scrolls = ['auto', 'scroll'].includes(style.overflowX);
  if (!scrolls && style.display !== 'inline' && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0) {
    faults.push(`${name(element)} is cut: ${element.scrollWidth} px in ${element.clientWidth}`);
  }
  for (const box of element.getClientRects()) {
    if (box.right > root.clientWidth + 1 || box.left < -1) faults.push(`${name(element)} ends at ${box.right} px`);
  }
  if (parseFloat(style.fontSize) < smallest) faults.push(`${name(element)} has letters of ${style.fontSize}`);
}

// Long names have no other place; a word does.
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = texts.nextNode(); text; text = texts.nextNode()) {
  if (text.parentElement.closest('svg') || !shown(text.parentElement)) continue;
  for (const word of text.data.matchAll(/[\p{L}\p{N}]{1,11}(?![^\s.,:;])/gu)) {
    if (word.index > 0 && /[^\s(]/.test(text.data[word.index - 1])) continue;
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
    if (lines.size > 1) faults.push(`"${word[0]}" is broken in ${name(text.parentElement)}`);
  }
}

let plots = 0;
for (const plot of document.querySelectorAll('svg')) {
  if (!shown(plot)) continue;
  plots += 1;
  const frame = plot.getBoundingClientRect();
  if (frame.width < 100 || frame.height < 20) faults.push(`${name(plot)} has a box of ${frame.width} by ${frame.height}`);
  for (const part of ['title', 'desc']) {
    const words = plot.querySelector(`:scope > ${part}`);
    if (!words || !words.textContent.trim()) faults.push(`${name(plot)} has no ${part}`);
    else if (!(plot.getAttribute('aria-labelledby') || '').split(' ').includes(words.id)) faults.push(`${name(plot)} is not labelled by its ${part}`);
  }
  const figure = plot.closest('figure');
  if (!figure || !figure.querySelector('table tbody tr')) faults.push(`${name(plot)} has no table beside it`);
  const shapes = [...plot.querySelectorAll('rect, circle, polyline, polygon, line')].filter((shape) => {
    const box = shape.getBoundingClientRect();
    return box.width + box.height > 0;
  });
  if (shapes.length < 2) faults.push(`${name(plot)} shows nothing`);
  const labels = [...plot.querySelectorAll('text')].map((text) => [text, text.getBoundingClientRect()]);
  if (labels.length === 0) faults.push(`${name(plot)} has no text`);
  for (const [text, box] of labels) {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) {
      faults.push(`${name(text)} is cut by its plot ${name(plot)}`);
    }
    const scale = frame.width / plot.viewBox.baseVal.width;
    const letters = parseFloat(text.getAttribute('font-size')) * scale;
    if (letters < smallest) faults.push(`${name(text)} has letters of ${letters} px`);
  }
  labels.forEach(([text, box], index) => {
    for (const [other, beside] of labels.slice(index + 1)) {
      const across = Math.min(box.right, beside.right) - Math.max(box.left, beside.left);
      const down = Math.min(box.bottom, beside.bottom) - Math.max(box.top, beside.top);
      if (across > 1 && down > 2) faults.push(`${name(text)} lies over ${name(other)}`);
    }
  });
}
const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
if (new Set(ids).size !== ids.length) faults.push('an id stands twice');
for (const link of document.querySelectorAll('a[href^="#"]')) {
  if (!document.getElementById(link.getAttribute('href').slice(1))) faults.push(`${name(link)} leads nowhere`);
}
if (document.scripts.length > 0) faults.push('there is a script');
return { faults, plots, lang: root.lang };
