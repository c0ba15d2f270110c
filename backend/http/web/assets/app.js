// The chat page: who I am, which room is open, and what the socket says.
import { call, signOut } from './api.js';
import { $, announce, hue, icon, openDialog, toast } from './dom.js';
import { Live } from './live.js';
import { Messages, isBefore } from './messages.js';
import { Members, roomLink, roomPath, setUpNewRoom, showRooms } from './rooms.js';
import { setUpComposer } from './composer.js';

let me = { username: '', roles: [] };
let rooms = [];
let room = null; // the open one
let cursor = ''; // where its older messages begin
let turn = 0; // counts rooms opened, so that an answer that comes late is not put into another room

const leads = () => me.roles.some((r) => r === 'moderator' || r === 'admin');
const messages = new Messages({ remove: askRemove, resend: (p) => send(p.text, p.file, p.upload) },
  (m) => m.author === me.username || leads());
const members = new Members({ changed: (r) => { if (room?.id === r.id) room = r; }, left: () => { location.hash = ''; } });
const composer = setUpComposer((text, file) => send(text, file), () => room && live.tell({ type: 'typing', room: room.id }));
const live = new Live({ state: showState, open: catchUp, event: take });

// ---- rooms ----

async function loadRooms() {
  rooms = (await call('GET', '/api/rooms')).rooms;
  showRooms(rooms, room?.id);
}

let reloading = 0;

// The news of a room can be faster than the gateway, which learns who may see it from the answer to whoever made it.
function reloadRoomsSoon() {
  clearTimeout(reloading);
  reloading = setTimeout(() => loadRooms().catch((err) => toast(err.message)), 700);
}

async function route() {
  let id = '';
  try {
    id = decodeURIComponent(location.hash.replace(/^#\/?/, ''));
  } catch { /* a broken link opens nothing */ }
  if (id === room?.id) return;
  const last = room;
  const mine = ++turn;
  if (last) live.tell({ type: 'leave', room: last.id, ref: 'leave' });
  room = null;
  cursor = '';
  stopTyping();
  messages.clear(me.username);
  composer.reset();
  $('app').dataset.view = id ? 'room' : 'list';
  $('room').hidden = !id;
  $('welcome').hidden = Boolean(id);
  document.title = 'ConvoSphere';
  showRooms(rooms, id);
  if (!id) {
    const link = last && document.querySelector(`#rooms a[href="${CSS.escape(roomLink(last.id))}"]`);
    link?.focus();
    return;
  }
  $('room-name').textContent = rooms.find((r) => r.id === id)?.name ?? '';
  $('room-about').textContent = '';
  $('beginning').hidden = $('older').hidden = true;
  $('scroll').setAttribute('aria-busy', 'true');
  try {
    await open(id, mine);
  } catch (err) {
    if (mine !== turn) return;
    toast(err.status === 403 || err.status === 404 ? 'This room is not there for you' : err.message);
    location.hash = '';
  } finally {
    if (mine === turn) $('scroll').removeAttribute('aria-busy');
  }
}

async function open(id, mine) {
  let found = await call('GET', roomPath(id));
  if (found.visibility === 'public' && !found.members?.includes(me.username)) {
    await call('PUT', `${roomPath(id)}/members/${encodeURIComponent(me.username)}`).catch((err) => {
      if (err.status !== 403) throw err; // reading may be allowed all the same
    });
    found = await call('GET', roomPath(id));
  }
  if (mine !== turn) return;
  room = found;
  document.title = `${room.name} · ConvoSphere`;
  $('room-name').textContent = room.name;
  $('room-about').textContent = `${room.visibility === 'private' ? 'Private' : 'Public'} room by ${room.created_by}`;
  $('room-badge').className = `badge ${room.visibility}`;
  $('room-badge').replaceChildren(icon(room.visibility === 'private' ? 'lock' : 'hash'));
  members.set(room, me);
  if (live.online) await live.ask({ type: 'join', room: id });
  await loadNewest(mine);
  if (mine !== turn) return;
  messages.toEnd();
  if (matchMedia('(pointer: coarse)').matches) $('room-name').focus(); // no keyboard over the messages
  else $('composer-text').focus();
}

// loadNewest gets the newest page. Where more was missed than fits it, what was here before it goes.
async function loadNewest(mine) {
  const page = await call('GET', `${roomPath(room.id)}/messages?limit=50`);
  if (mine !== turn) return;
  const gap = page.next && page.messages.length > 0 && isBefore(messages.newest, page.messages[0].id);
  if (gap || messages.newest === '') {
    messages.clear(me.username);
    setCursor(page.next ?? '');
  }
  messages.merge(page.messages, true);
}

function setCursor(next) {
  cursor = next;
  $('older').hidden = !cursor;
  $('beginning').hidden = Boolean(cursor);
  $('beginning').textContent = `This is where ${room.name} begins.`;
}

async function loadOlder() {
  const mine = turn;
  $('older').disabled = true;
  try {
    const page = await call('GET', `${roomPath(room.id)}/messages?limit=50&before=${encodeURIComponent(cursor)}`);
    if (mine !== turn) return;
    messages.merge(page.messages, false);
    setCursor(page.next ?? '');
  } catch (err) {
    toast(err.message);
  } finally {
    $('older').disabled = false;
  }
}

// ---- messages ----

// send shows the message at once, as on its way. upload is the file's id where it went up in an earlier try.
async function send(text, file, upload) {
  const mine = turn;
  const { id } = room;
  const pending = messages.addPending(text, file);
  try {
    if (file && !upload) {
      const form = new FormData();
      form.append('file', file, file.name);
      upload = (await call('POST', `${roomPath(id)}/files`, form)).id;
      pending.upload = upload;
    }
    const body = upload ? { text, file: upload } : { text };
    const message = live.online
      ? (await live.ask({ type: 'message', room: id, ...body })).message
      : await call('POST', `${roomPath(id)}/messages`, body);
    messages.dropPending(pending);
    if (mine === turn) messages.add(message);
  } catch (err) {
    if (mine === turn) messages.failPending(pending, err.message);
    else toast(`A message was not sent: ${err.message}`);
  }
}

let removing = null;

function askRemove(message) {
  removing = message;
  $('delete-quote').textContent = message.text || message.file?.name || '';
  openDialog($('delete-dialog'));
}

async function remove() {
  const { room: at, id } = removing;
  $('delete-dialog').close();
  try {
    await call('DELETE', `${roomPath(at)}/messages/${encodeURIComponent(id)}`);
    if (room?.id === at) messages.remove(id);
    announce('The message was deleted');
  } catch (err) {
    if (err.status === 404) messages.remove(id);
    toast(err.status === 403 ? 'You may not delete this message' : err.message);
  }
  $('scroll').focus();
}

// ---- the socket ----

async function catchUp() {
  if (!room) return;
  const mine = turn;
  const end = messages.atEnd();
  try {
    await call('GET', roomPath(room.id)); // still ours to see? a join that is refused would cost the socket
    await live.ask({ type: 'join', room: room.id });
    await loadNewest(mine); // after the join, so that nothing falls between
    if (mine === turn && end) messages.toEnd();
  } catch (err) {
    if (mine !== turn) return;
    if (err.status === 403 || err.status === 404) location.hash = '';
    if (err.status !== 0) toast(err.message);
  }
}

function take(e) {
  if (e.type === 'rooms') {
    reloadRoomsSoon();
    return;
  }
  if (e.type === 'error') {
    toast(e.title);
    return;
  }
  if (!room || e.room !== room.id) return;
  switch (e.type) {
    case 'message':
      stopTyping(e.message.author);
      if (messages.add(e.message) && e.message.author !== me.username) {
        announce(`${e.message.author}: ${e.message.text || `a file, ${e.message.file?.name}`}`);
      }
      break;
    case 'deleted':
      messages.remove(e.id);
      break;
    case 'typing':
      startTyping(e.user);
      break;
    case 'members':
      members.reload();
      break;
    case 'left':
      if (e.ref) break; // our own leaving, answered late
      if (room.visibility === 'private') toast(`You are no longer in ${room.name}`);
      location.hash = '';
      break;
  }
}

const typists = new Map();

function startTyping(user) {
  clearTimeout(typists.get(user));
  typists.set(user, setTimeout(() => stopTyping(user), 5000));
  showTyping();
}

function stopTyping(user) {
  for (const name of user ? [user] : [...typists.keys()]) {
    clearTimeout(typists.get(name));
    typists.delete(name);
  }
  showTyping();
}

function showTyping() {
  const names = [...typists.keys()];
  const text = ['', `${names[0]} is typing`, `${names[0]} and ${names[1]} are typing`][names.length] ?? 'Several people are typing';
  if ($('typing').textContent !== text) $('typing').textContent = text;
  $('typing').classList.toggle('on', names.length > 0);
}

function showState(state) {
  $('link').dataset.state = state;
  $('app').dataset.link = state;
  $('link-text').textContent = { online: 'Connected', connecting: 'Connecting', offline: 'Reconnecting' }[state];
}

// ---- start ----

async function start() {
  try {
    me = await call('GET', '/auth/api/session');
    me.roles ??= [];
    $('me-name').textContent = me.username;
    $('me-role').textContent = me.roles.join(', ');
    $('me-avatar').textContent = [...me.username][0].toUpperCase();
    $('me-avatar').classList.add(`hue-${hue(me.username)}`);
    $('welcome-name').textContent = `, ${me.username}`;
    await loadRooms();
  } catch (err) {
    if (err.status === 401) return; // on the way to the login
    toast(err.message);
    setTimeout(start, 5000);
    return;
  }
  live.connect();
  window.addEventListener('hashchange', route);
  await route();
}

setUpNewRoom(async (made) => {
  await loadRooms().catch((err) => toast(err.message));
  location.hash = roomLink(made.id);
});
$('older').addEventListener('click', loadOlder);
$('delete-yes').addEventListener('click', remove);
$('sign-out').addEventListener('click', signOut);
$('skip').addEventListener('click', (e) => {
  e.preventDefault(); // the address is the room's
  (room ? $('composer-text') : $('new-room')).focus();
});
start();
