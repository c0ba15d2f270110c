// Small helpers to build the page. Text goes in as text only, never as markup.

export const $ = (id) => document.getElementById(id);

// el makes an element: el('p', {class: 'x', onclick: f}, 'text', child).
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
}

export function icon(name) {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(ns, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

// avatar gives a person a colour of their own, and their first letter.
export function avatar(name) {
  return el('span', { class: `avatar hue-${hue(name)}`, 'aria-hidden': 'true' }, [...name][0]?.toUpperCase() ?? '?');
}

export function hue(name) {
  let sum = 7;
  for (const c of name) sum = (sum * 31 + c.codePointAt(0)) % 9973;
  return sum % 8;
}

export function toast(text) {
  const item = el('div', { class: 'toast' }, el('span', {}, text));
  item.append(el('button', { type: 'button', class: 'icon small', 'aria-label': 'Dismiss', onclick: () => item.remove() }, icon('x')));
  $('toasts').append(item);
  setTimeout(() => item.remove(), 7000);
}

// announce is for those who listen to the page rather than see it.
export function announce(text) {
  $('announce').textContent = text;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const thisYear = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const otherYear = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });

export const timeOf = (date) => clock.format(date);

export function dayOf(date) {
  const now = new Date();
  const days = Math.round((midnight(now) - midnight(date)) / 86400000);
  if (days === 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return (date.getFullYear() === now.getFullYear() ? thisYear : otherYear).format(date);
}

const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());

export function sizeOf(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

// openDialog shows a dialog; the browser keeps the focus inside, and gives it back to where it was.
export function openDialog(dialog) {
  if (!dialog.open) dialog.showModal();
}

for (const dialog of document.querySelectorAll('dialog')) {
  dialog.addEventListener('click', (e) => {
    if (e.target === dialog || e.target.closest('[data-close]')) dialog.close(); // its backdrop counts as itself
  });
}
