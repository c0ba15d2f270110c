// The socket: it comes back by itself, and answers to what was asked find those who asked.
import { Problem, call, refresh } from './api.js';

const answerTime = 10000;

export class Live {
  // on: {state(name), open(), event(e)}
  constructor(on) {
    this.on = on;
    this.tries = 0;
    this.waiting = new Map(); // ref → {resolve, reject, timer}
    window.addEventListener('online', () => this.#soon(0));
  }

  get online() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.on.state('connecting');
    this.sent = 0;
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/ws`);
    let opened = 0;
    socket.addEventListener('open', () => {
      opened = Date.now();
      this.on.state('online');
      this.on.open();
    });
    socket.addEventListener('message', (e) => this.#take(e.data));
    socket.addEventListener('close', (e) => {
      if (socket !== this.socket) return;
      if (opened && Date.now() - opened > 10000) this.tries = 0; // it stood: this is a new trouble
      this.#failAll();
      this.on.state('offline');
      const wait = Math.min(30000, 500 * 2 ** this.tries++) * (0.5 + Math.random() / 2);
      this.#soon(wait, !opened || e.code === 1008);
    });
    this.socket = socket;
  }

  // #soon connects after a pause. Where the server may have refused us, the session is looked at first: that renews it, or goes to the login.
  #soon(wait, check = false) {
    clearTimeout(this.timer);
    this.timer = setTimeout(async () => {
      if (check) {
        try {
          await call('GET', '/auth/api/session');
        } catch (err) {
          if (err.status !== 401) this.#soon(Math.min(30000, 1000 * 2 ** this.tries++), true);
          return;
        }
      }
      this.connect();
    }, wait);
  }

  // tell sends and expects nothing.
  tell(frame) {
    if (this.online) this.#send(frame);
  }

  // #send counts, since the gateway says by number which message it did not pass on.
  #send(frame) {
    this.sent++;
    this.socket.send(JSON.stringify(frame));
  }

  // ask sends, and answers with what comes back for it.
  ask(frame) {
    return new Promise((resolve, reject) => {
      if (!this.online) {
        reject(new Problem(0, 'Not connected'));
        return;
      }
      const ref = crypto.randomUUID();
      const timer = setTimeout(() => this.#answer(ref, (w) => w.reject(new Problem(0, 'No answer came'))), answerTime);
      this.waiting.set(ref, { resolve, reject, timer, number: this.sent + 1 });
      this.#send({ ...frame, ref });
    });
  }

  #take(data) {
    let e;
    try {
      e = JSON.parse(data);
    } catch {
      return;
    }
    if (e.type === 'gateway.renew') {
      refresh().catch(() => {}); // the gateway closes the socket unless the session is refreshed; what then follows is seen to there
      return;
    }
    if (e.type === 'gateway.rate-limit') {
      const text = `Not so fast: try again in ${e.retry_after ?? 'some'} s`;
      for (const [ref, w] of this.waiting) if (w.number === e.message) this.#answer(ref, () => w.reject(new Problem(429, text)));
      return;
    }
    if (e.ref && this.waiting.has(e.ref)) {
      this.#answer(e.ref, (w) => (e.type === 'error' ? w.reject(new Problem(422, e.title)) : w.resolve(e)));
      return;
    }
    this.on.event(e);
  }

  #answer(ref, give) {
    const waiter = this.waiting.get(ref);
    if (!waiter) return;
    clearTimeout(waiter.timer);
    this.waiting.delete(ref);
    give(waiter);
  }

  #failAll() {
    for (const ref of [...this.waiting.keys()]) this.#answer(ref, (w) => w.reject(new Problem(0, 'The connection was lost')));
  }
}
