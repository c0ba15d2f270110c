// The list of rooms, and the dialogs about a room: a new one, its members.
import { call } from './api.js';
import { $, avatar, el, icon, openDialog, toast } from './dom.js';

export const roomPath = (id) => `/api/rooms/${encodeURIComponent(id)}`;
export const roomLink = (id) => `#/${encodeURIComponent(id)}`;

export function showRooms(rooms, current) {
  const order = [...rooms].sort((a, b) => a.name.localeCompare(b.name));
  $('rooms').replaceChildren(...order.map((r) => el('li', {},
    el('a', { href: roomLink(r.id), 'aria-current': r.id === current ? 'page' : null },
      el('span', { class: `badge ${r.visibility}` }, icon(r.visibility === 'private' ? 'lock' : 'hash')),
      el('span', { class: 'room-label' }, r.name),
      r.visibility === 'private' ? el('span', { class: 'sr' }, ', private') : null))));
  $('no-rooms').hidden = rooms.length > 0;
}

// setUpNewRoom wires the dialog; made(room) is called once the room is there.
export function setUpNewRoom(made) {
  const dialog = $('room-dialog');
  const open = () => {
    $('room-form').reset();
    $('room-error').textContent = '';
    openDialog(dialog);
    $('room-input').focus();
  };
  $('new-room').addEventListener('click', open);
  $('welcome-new').addEventListener('click', open);
  $('room-form').addEventListener('submit', async (e) => {
    e.preventDefault();
    const submit = dialog.querySelector('[type=submit]');
    submit.disabled = true;
    try {
      const room = await call('POST', '/api/rooms', {
        name: $('room-input').value,
        visibility: new FormData(e.target).get('visibility'),
      });
      dialog.close();
      made(room);
    } catch (err) {
      $('room-error').textContent = err.message;
    } finally {
      submit.disabled = false;
    }
  });
}

// Members is the dialog with who is in the room.
export class Members {
  // on: {changed(room), left()}; me: {username, roles}
  constructor(on) {
    this.on = on;
    $('members-open').addEventListener('click', () => this.#open());
    $('invite').addEventListener('submit', (e) => {
      e.preventDefault();
      this.#change('PUT', $('invite-name').value.trim().toLowerCase());
    });
    $('leave').addEventListener('click', () => this.#leave());
  }

  set(room, me) {
    this.room = room;
    this.me = me;
    this.#show();
  }

  async #open() {
    $('members-error').textContent = '';
    $('invite-name').value = '';
    openDialog($('members-dialog'));
    $('members-title').focus();
    await this.reload();
  }

  async reload() {
    const { id } = this.room;
    try {
      const room = await call('GET', roomPath(id));
      if (this.room.id !== id) return; // another room was opened meanwhile
      this.room = room;
      this.on.changed(room);
      this.#show();
    } catch (err) {
      toast(err.message);
    }
  }

  #show() {
    const { room, me } = this;
    const members = room.members ?? [];
    const leads = room.created_by === me.username || me.roles.some((r) => r === 'moderator' || r === 'admin');
    $('members-count').textContent = members.length === 1 ? '1 member' : `${members.length} members`;
    $('invite').hidden = room.visibility !== 'private' || !leads;
    $('leave').hidden = room.created_by === me.username || !members.includes(me.username);
    $('members').replaceChildren(...members.map((name) => el('li', {}, avatar(name),
      el('span', { class: 'member-name' }, name === me.username ? `${name} (you)` : name),
      name === room.created_by ? el('small', { class: 'tag' }, 'Owner') : null,
      leads && name !== room.created_by && name !== me.username
        ? el('button', { type: 'button', class: 'icon small', 'aria-label': `Remove ${name}`, title: 'Remove', onclick: () => this.#change('DELETE', name) }, icon('x'))
        : null)));
  }

  async #change(method, name) {
    $('members-error').textContent = '';
    try {
      await call(method, `${roomPath(this.room.id)}/members/${encodeURIComponent(name)}`);
      $('invite-name').value = '';
      await this.reload();
    } catch (err) {
      $('members-error').textContent = err.message;
    }
  }

  async #leave() {
    try {
      await call('DELETE', `${roomPath(this.room.id)}/members/${encodeURIComponent(this.me.username)}`);
      $('members-dialog').close();
      this.on.left();
    } catch (err) {
      $('members-error').textContent = err.message;
    }
  }
}
