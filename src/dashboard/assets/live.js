// Keeps a page up to date: when the server says that something has changed, the page is loaded again, and the parts that
// are marked data-live are replaced where they differ. Ages count on between. Without this script the page still works.
'use strict';
(() => {
  const GAP_MS = 200;          // between two loads
  const SILENCE_MS = 15000;    // the server says something every 5 s
  const stream = document.getElementById('stream');
  const cut = document.getElementById('cut');
  const served = new Map();    // what the server said last of each part
  let skew = 0;                // our clock less the server's, in ms
  let loading = false, again = false, last = 0, heard = Date.now();

  const parts = (page) => page.querySelectorAll('[data-live][id]');
  const remember = (page) => parts(page).forEach((part) => served.set(part.id, part.innerHTML));
  const measure = (page) => {
    const now = Date.parse(page.documentElement.dataset.now);
    if (!Number.isNaN(now)) skew = Date.now() - now;
  };

  const pad = (number) => String(number).padStart(2, '0');
  const span = (seconds) => {
    const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
    if (days > 0) return `${days}d ${pad(hours % 24)}:${pad(minutes % 60)}`;
    const short = `${pad(minutes % 60)}:${pad(Math.floor(seconds) % 60)}`;
    return hours > 0 ? `${pad(hours)}:${short}` : short;
  };
  const count = () => {
    const now = Date.now() - skew;
    document.querySelectorAll('time[data-count]').forEach((time) => {
      const at = Date.parse(time.dateTime);
      const text = span(Math.max(0, (time.dataset.count === 'up' ? now - at : at - now) / 1000));
      if (time.textContent !== text) time.textContent = text;
    });
  };

  // What a reader has opened, closed or focused stays so.
  const path = (details) => {
    const names = [];
    for (let at = details; at; at = at.parentElement.closest('details')) {
      names.push([...at.parentElement.parentElement.children].indexOf(at.parentElement));
    }
    return names.join('/');
  };
  const replace = (part, fresh) => {
    const active = part.contains(document.activeElement) ? document.activeElement : null;
    const link = active && active.getAttribute('href');
    const opened = new Map([...part.querySelectorAll('details')].map((one) => [path(one), one.open]));
    const epochs = new Map([...part.querySelectorAll('[data-epoch]')].map((one) => [one.id, one.dataset.epoch]));
    part.className = fresh.className;
    part.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
    part.querySelectorAll('details').forEach((one) => {
      const was = opened.get(path(one));
      if (was !== undefined) one.open = was;
    });
    part.querySelectorAll('[data-epoch]').forEach((one) => {
      const was = epochs.get(one.id);
      if (was !== undefined && was !== one.dataset.epoch) one.classList.add('changed');
    });
    if (link) [...part.querySelectorAll('a[href]')].find((a) => a.getAttribute('href') === link)?.focus();
  };
  const adopt = (page) => {
    measure(page);
    document.title = page.title;
    parts(page).forEach((fresh) => {
      const part = document.getElementById(fresh.id);
      if (!part || served.get(fresh.id) === fresh.innerHTML) return;
      served.set(fresh.id, fresh.innerHTML);
      replace(part, fresh);
    });
    count();
  };

  const load = async () => {
    if (loading) { again = true; return; }
    loading = true;
    try {
      const wait = last + GAP_MS - Date.now();
      if (wait > 0) await new Promise((done) => setTimeout(done, wait));
      last = Date.now();
      again = false;
      const reply = await fetch(location.href, { cache: 'no-store' });
      adopt(new DOMParser().parseFromString(await reply.text(), 'text/html'));
    } catch {
      // The server is away: the stream tells when it is back.
    } finally {
      loading = false;
      if (again) load();
    }
  };

  const show = (state, text) => { stream.dataset.state = state; stream.textContent = text; };
  const live = () => { heard = Date.now(); show('live', 'live'); cut.textContent = ''; };
  const lost = () => {
    show('cut', 'not live');
    cut.textContent = 'The connection to the daemon is cut: what is below is old. It is tried again every few seconds.';
  };
  let source;
  const connect = () => {
    source?.close();
    source = new EventSource('/events');
    source.onopen = () => { live(); load(); };
    source.addEventListener('changed', () => { live(); load(); });
    source.addEventListener('alive', () => { live(); if (!document.hidden) load(); });
  };

  remember(document);
  measure(document);
  connect();
  setInterval(() => {
    count();
    if (Date.now() - heard > SILENCE_MS || source.readyState === EventSource.CLOSED) {
      lost();
      // A browser that has given up, or a network that has swallowed the stream.
      if (Date.now() - heard > SILENCE_MS * 2 || source.readyState === EventSource.CLOSED) {
        heard = Date.now() - SILENCE_MS - 1;
        if (source.readyState !== EventSource.CONNECTING) connect();
      }
    } else if (source.readyState === EventSource.CONNECTING && Date.now() - heard > 3000) {
      lost();
    }
  }, 1000);
  setInterval(() => { if (!document.hidden) load(); }, 10000); // without a stream, too
  addEventListener('pagehide', () => source.close());
  addEventListener('pageshow', (event) => { if (event.persisted) { connect(); load(); } });
})();
