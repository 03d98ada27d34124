// What is nicer with script: moments in the reader's own zone, a page that stays fresh, keys, a preview while one types, a
// button that copies a command. Without it every page says and does the same.
'use strict';

const root = document.documentElement;
// The one place where text becomes a document: pages of our own, read again from the same address.
const pages = window.trustedTypes
  ? window.trustedTypes.createPolicy('pages', { createHTML: (text) => text })
  : { createHTML: (text) => text };
const parse = (text) => new DOMParser().parseFromString(pages.createHTML(text), 'text/html');

// As the reader's own browser writes it, in the language of the page.
const language = navigator.language.split('-')[0] === root.lang && navigator.language.includes('-')
  ? navigator.language : { en: 'en-GB' }[root.lang] ?? root.lang;

function localTimes(within) {
  if (root.dataset.zone !== 'auto') return;
  for (const time of within.querySelectorAll('time[datetime]:not([data-keep], [data-local])')) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    time.title = time.textContent;
    time.dataset.local = '';
    time.textContent = moment.toLocaleString(language, {
      day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short',
    });
  }
}

function copyButtons(within) {
  if (!navigator.clipboard) return;
  const [copy, copied, failed] = root.lang === 'de'
    ? ['Kopieren', 'Kopiert', 'Nicht kopiert'] : ['Copy', 'Copied', 'Not copied'];
  for (const block of within.querySelectorAll('pre.command:not(:has(.copy))')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = copy;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(block.querySelector('code').textContent);
        button.textContent = copied;
      } catch {
        button.textContent = failed;
      }
      setTimeout(() => { button.textContent = copy; }, 2000);
    });
    block.append(button);
  }
}

function dress(within) {
  localTimes(within);
  copyButtons(within);
}

// --- A page that stays fresh: told that it is out of date, it asks again and exchanges what differs. ---

// What was typed, and where the reader is, outlives the exchange.
function replace(old, fresh) {
  const typed = new Map();
  for (const field of old.querySelectorAll('textarea[id], input[id]:not([type=hidden]), select[id]')) {
    typed.set(field.id, { value: field.value, checked: field.checked });
  }
  const opened = new Set([...old.querySelectorAll('details[open] > summary')].map((summary) => summary.textContent));
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && (focused.id ? `#${focused.id}` : focused.getAttribute('href') && `a[href="${CSS.escape(focused.getAttribute('href'))}"]`);
  const selection = focused && 'selectionStart' in focused ? [focused.selectionStart, focused.selectionEnd] : null;
  old.replaceWith(fresh);
  for (const [id, was] of typed) {
    const field = fresh.querySelector(`#${CSS.escape(id)}`);
    if (field) { field.value = was.value; field.checked = was.checked; }
  }
  for (const summary of fresh.querySelectorAll('details > summary')) {
    if (opened.has(summary.textContent)) summary.parentElement.open = true;
  }
  const back = place && fresh.querySelector(place);
  if (back) {
    back.focus({ preventScroll: true });
    if (selection && back.setSelectionRange && selection[0] !== null) back.setSelectionRange(...selection);
  }
  fresh.classList.add('fresh');
  dress(fresh);
}

// Secrets of forms and relative times differ at each reading without anything having happened.
const gist = (element) => {
  const copy = element.cloneNode(true);
  for (const noise of copy.querySelectorAll('input[name=forms], .copy')) noise.remove();
  for (const time of copy.querySelectorAll('time')) { time.textContent = ''; time.removeAttribute('title'); time.removeAttribute('data-local'); }
  copy.classList.remove('fresh');
  return copy.textContent + [...copy.querySelectorAll('[href], [class], [value]')].map((one) => one.getAttribute('href') + one.className + one.getAttribute('value')).join();
};

let shown = Date.now();
const line = document.getElementById('line');

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
  if (answer.redirected && new URL(answer.url).pathname === '/web/login') { location.reload(); return; }
  if (!answer.ok) { if (answer.status === 404) location.reload(); return; }
  const fresh = parse(await answer.text());
  shown = Date.now();
  for (const part of document.querySelectorAll('[data-fresh]')) {
    const other = fresh.getElementById(part.id);
    if (!other) part.replaceChildren();
    else if (gist(part) !== gist(other)) replace(part, document.adoptNode(other));
  }
  document.title = fresh.title;
  ring(false);
}

// How many wait for the reader: in the header of every page.
const bell = document.getElementById('bell');
let waiting = 0;
async function ring(alone) {
  if (!bell) return;
  const answer = await fetch('/web/waiting', { credentials: 'same-origin' });
  if (!answer.ok) return;
  const count = Number(await answer.text());
  if (!Number.isInteger(count)) return;
  bell.hidden = count === 0;
  bell.textContent = count > 99 ? '99+' : String(count);
  bell.title = bell.dataset.says;
  if (alone && count > waiting && document.hidden) document.title = `(${count}) ${document.title.replace(/^\(\d+\) /, '')}`;
  waiting = count;
}

let lost = null;
function sayLost() {
  const minutes = Math.round((Date.now() - shown) / 60000);
  const ago = new Intl.RelativeTimeFormat(root.lang, { numeric: 'auto' }).format(-minutes, 'minute');
  line.textContent = `${line.dataset.lost} (${ago}).`;
  line.hidden = false;
}
function connected(is) {
  if (is) { clearInterval(lost); lost = null; line.hidden = true; return; }
  if (lost) return;
  sayLost();
  lost = setInterval(sayLost, 15000);
}

function stayFresh() {
  const address = document.body.dataset.live;
  if (!address || !window.EventSource) return;
  const source = new EventSource(address);
  let due = null;
  let heard = Date.now();
  const soon = () => {
    // Several changes at once are one reading.
    due ??= setTimeout(() => { due = null; refresh().catch(() => connected(false)); }, 150);
  };
  source.addEventListener('changed', () => { heard = Date.now(); connected(true); soon(); });
  source.addEventListener('beat', () => {
    heard = Date.now();
    if (lost) soon(); else shown = Date.now();
    connected(true);
  });
  source.addEventListener('lost', () => connected(false));
  source.addEventListener('error', () => connected(false));
  setInterval(() => { if (Date.now() - heard > 45000) connected(false); }, 15000);
  window.addEventListener('pagehide', () => source.close());
  window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
}

// --- A preview while one fills in a form. ---

function livePreview() {
  const form = document.querySelector('form[data-preview]');
  if (!form) return;
  let due = null;
  let run = 0;
  form.addEventListener('input', () => {
    clearTimeout(due);
    due = setTimeout(async () => {
      const mine = ++run;
      const fields = new URLSearchParams(new FormData(form));
      fields.set('step', 'preview');
      const answer = await fetch(form.action, { method: 'POST', body: fields, credentials: 'same-origin' }).catch(() => null);
      if (!answer || mine !== run) return;
      const fresh = parse(await answer.text()).getElementById('preview');
      const old = document.getElementById('preview');
      if (fresh && old) { old.replaceWith(document.adoptNode(fresh)); dress(fresh); }
    }, 300);
  });
}

// --- Keys. They move and open, and never send anything. ---

function keys() {
  if (root.dataset.keys !== 'on') return;
  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest('input, textarea, select, [contenteditable], dialog');
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = [...document.querySelectorAll('[data-row] a')];
    const at = rows.indexOf(document.activeElement);
    const decide = (id) => {
      const button = document.getElementById(id);
      if (button) { button.focus(); return true; }
      if (at >= 0) { location.href = `${rows[at].href}#${id}`; return true; }
      return false;
    };
    const done = {
      '/': () => { const search = document.getElementById('search'); if (search) search.focus(); else location.href = '/web/requests#search'; return true; },
      j: () => { rows[Math.min(at + 1, rows.length - 1)]?.focus(); return rows.length > 0; },
      k: () => { rows[Math.max(at - 1, 0)]?.focus(); return rows.length > 0; },
      a: () => decide('approve'),
      d: () => decide('deny'),
      '?': () => { document.getElementById('keys')?.showModal(); return true; },
    }[event.key]?.();
    if (done) event.preventDefault();
  });
  if (['#approve', '#deny', '#search'].includes(location.hash)) document.querySelector(location.hash)?.focus();
}

// One menu at a time; Escape and a click elsewhere close it.
function menus() {
  const all = () => document.querySelectorAll('details.menu[open]');
  document.addEventListener('click', (event) => { for (const menu of all()) if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    for (const menu of all()) { menu.open = false; menu.querySelector('summary').focus(); }
  });
}

// A form is sent once, however often its button is pressed.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method !== 'post') return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = 'yes';
  setTimeout(() => { delete form.dataset.sent; }, 5000);
});

dress(document);
stayFresh();
livePreview();
keys();
menus();
if (document.body.dataset.live) ring(true).catch(() => {});
