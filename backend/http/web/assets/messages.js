// The list of messages: in order, in groups by author, with a line where a day begins.
import { $, avatar, dayOf, el, icon, sizeOf, timeOf } from './dom.js';

const togetherFor = 5 * 60 * 1000;
const pictures = /^image\/(png|jpeg|gif|webp|avif)$/;

// isBefore says whether a message of the id a is the older one. Ids of before are UUIDs, which are longer; ULIDs come behind them.
export const isBefore = (a, b) => (a.length === b.length ? a < b : a.length > b.length);

export class Messages {
  // on: {remove(message, node), resend(pending)}; canRemove(message) says where a delete button makes sense
  constructor(on, canRemove) {
    this.on = on;
    this.canRemove = canRemove;
    this.list = $('messages');
    this.scroll = $('scroll');
    $('newer').addEventListener('click', () => this.toEnd());
    this.scroll.addEventListener('scroll', () => { if (this.atEnd()) $('newer').hidden = true; }, { passive: true });
    this.clear('');
  }

  clear(me) {
    this.me = me;
    this.sorted = []; // {message, node}, by id, which is by time
    this.pending = [];
    this.list.replaceChildren();
    $('newer').hidden = true;
  }

  get newest() {
    return this.sorted.at(-1)?.message.id ?? '';
  }

  atEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < 60;
  }

  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    $('newer').hidden = true;
  }

  // add takes one that has just come; false where it is here already.
  add(message) {
    if (this.sorted.some((s) => s.message.id === message.id)) return false;
    const stay = !this.atEnd() && message.author !== this.me;
    const last = this.sorted.at(-1);
    if (last && isBefore(message.id, last.message.id)) {
      this.merge([message], false);
    } else {
      const entry = this.#entry(message);
      entry.node.classList.add('fresh');
      this.sorted.push(entry);
      const nodes = this.#place(entry, last);
      const before = this.pending[0]?.node ?? null;
      for (const node of nodes) this.list.insertBefore(node, before);
    }
    if (stay) $('newer').hidden = false;
    else this.toEnd();
    return true;
  }

  // merge takes a page. Where it is whole, messages of its time that it lacks were deleted.
  merge(page, whole) {
    const known = new Map(this.sorted.map((s) => [s.message.id, s]));
    if (whole && page.length > 0) {
      const here = new Set(page.map((m) => m.id));
      for (const id of known.keys()) if (!isBefore(id, page[0].id) && !here.has(id)) known.delete(id);
    }
    for (const m of page) {
      if (known.has(m.id)) continue;
      known.set(m.id, this.#entry(m));
      const lost = this.pending.find((p) => p.failed && m.author === this.me && p.text === m.text && Date.parse(m.at) >= p.began);
      if (lost) this.dropPending(lost); // it had arrived after all: only the answer was lost
    }
    this.sorted = [...known.values()].sort((a, b) => (isBefore(a.message.id, b.message.id) ? -1 : 1));
    this.#layOut();
  }

  remove(id) {
    const length = this.sorted.length;
    this.sorted = this.sorted.filter((s) => s.message.id !== id);
    if (this.sorted.length !== length) this.#layOut();
  }

  // #layOut builds the list anew from the nodes there are, keeping what the reader looks at in its place.
  #layOut() {
    const fromEnd = this.scroll.scrollHeight - this.scroll.scrollTop;
    const nodes = [];
    let last = null;
    for (const entry of this.sorted) {
      entry.node.classList.remove('fresh');
      nodes.push(...this.#place(entry, last));
      last = entry;
    }
    this.list.replaceChildren(...nodes, ...this.pending.map((p) => p.node));
    this.scroll.scrollTop = this.scroll.scrollHeight - fromEnd;
  }

  // #place gives the entry's node, after a day's line where one begins.
  #place(entry, last) {
    const at = new Date(entry.message.at);
    const before = last && new Date(last.message.at);
    const newDay = !before || at.toDateString() !== before.toDateString();
    const grouped = !newDay && last.message.author === entry.message.author && at - before < togetherFor;
    entry.node.classList.toggle('grouped', grouped);
    if (!newDay) return [entry.node];
    return [el('li', { class: 'day' }, el('span', {}, dayOf(at))), entry.node];
  }

  #entry(message) {
    const mine = message.author === this.me;
    const at = new Date(message.at);
    const node = el('li', { class: mine ? 'message mine' : 'message' });
    const head = el('p', { class: 'head' }, el('strong', {}, mine ? 'You' : message.author),
      el('time', { datetime: message.at, title: at.toLocaleString() }, timeOf(at)));
    const body = el('div', { class: 'bubble' });
    if (message.file) body.append(attachment(message.file));
    if (message.text) body.append(el('p', { class: 'text' }, message.text));
    const row = el('div', { class: 'line' }, body);
    if (this.canRemove(message)) {
      row.append(el('button', {
        type: 'button', class: 'icon small bin', title: 'Delete',
        'aria-label': `Delete the message of ${timeOf(at)}`, onclick: () => this.on.remove(message),
      }, icon('bin')));
    }
    node.append(avatar(message.author), el('div', { class: 'body' }, head, row));
    return { message, node };
  }

  // addPending shows a message that is on its way.
  addPending(text, file) {
    const note = el('p', { class: 'note' }, 'Sending…');
    const body = el('div', { class: 'bubble' });
    if (file) body.append(el('p', { class: 'text' }, file.name));
    if (text) body.append(el('p', { class: 'text' }, text));
    const node = el('li', { class: 'message mine pending' }, el('div', { class: 'body' }, el('div', { class: 'line' }, body), note));
    const pending = { text, file, node, note, began: Date.now() - 2000, failed: false };
    this.pending.push(pending);
    this.list.append(node);
    this.toEnd();
    return pending;
  }

  dropPending(pending) {
    this.pending = this.pending.filter((p) => p !== pending);
    pending.node.remove();
  }

  failPending(pending, title) {
    pending.failed = true;
    pending.node.classList.add('failed');
    pending.note.replaceChildren(`Not sent: ${title}. `,
      el('button', { type: 'button', class: 'text', onclick: () => { this.dropPending(pending); this.on.resend(pending); } }, 'Try again'), ' ',
      el('button', { type: 'button', class: 'text', onclick: () => this.dropPending(pending) }, 'Discard'));
    this.toEnd();
  }
}

function attachment(file) {
  const href = `/api/files/${encodeURIComponent(file.id)}`;
  if (pictures.test(file.type)) {
    return el('a', { class: 'picture', href, download: file.name },
      el('img', { src: href, alt: file.name, loading: 'lazy', decoding: 'async' }));
  }
  return el('a', { class: 'file', href, download: file.name }, icon('file'),
    el('span', {}, el('strong', {}, file.name), el('small', {}, sizeOf(file.size))));
}
