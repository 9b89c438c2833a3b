import { escapeHtml } from './html.ts';

/** The log-in's pages: plain HTML that asks no other host for anything. */

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="#0e7490"/>
<path d="M9 6v20M23 6v20" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/>
<rect x="9" y="7" width="14" height="9" fill="#a5f3fc"/>
<path d="M9 21q3.5-3 7 0t7 0" stroke="#fff" stroke-width="2.5" fill="none" stroke-linecap="round"/>
</svg>`;

const STYLE = `
:root { color-scheme: light dark; --ground: #f1f5f9; --card: #fff; --text: #0f172a; --soft: #64748b; --line: #cbd5e1;
  --accent: #0e7490; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ground: #0b1220; --card: #131c2e; --text: #e2e8f0; --soft: #94a3b8;
  --line: #334155; --accent: #0891b2; --bad: #fca5a5; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
main { width: min(22rem, calc(100vw - 2rem)); padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 1rem; box-shadow: 0 1rem 3rem rgb(15 23 42 / 12%); }
header { display: flex; align-items: center; gap: .75rem; margin-bottom: 1.5rem; }
header img { width: 2.5rem; height: 2.5rem; }
h1 { margin: 0; font-size: 1.25rem; line-height: 1.2; }
header p { margin: 0; color: var(--soft); font-size: .875rem; }
label { display: block; margin-bottom: 1rem; font-size: .875rem; font-weight: 600; }
input { display: block; width: 100%; margin-top: .25rem; padding: .625rem .75rem; font: inherit; font-weight: 400;
  color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem; }
input:focus-visible, button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
button { width: 100%; padding: .625rem; font: inherit; font-weight: 600; color: #fff; background: var(--accent);
  border: 0; border-radius: .5rem; cursor: pointer; }
button:hover { filter: brightness(1.1); }
.problem { margin: 0 0 1rem; color: var(--bad); font-size: .875rem; }
`;

/** The log-in form. `next` is where a good log-in leads, a path of this server. */
export function renderLogin(next: string, problem?: string): string {
  const shownProblem = problem === undefined ? '' : `<p class="problem" role="alert">${escapeHtml(problem)}</p>`;
  return renderPage(
    'Log in',
    `${shownProblem}
<form method="post" action="/login">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label>User<input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Log in</button>
</form>`,
  );
}

export function renderLogout(): string {
  return renderPage('Log out', '<form method="post" action="/logout"><button>Log out</button></form>');
}

function renderPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Sluice</title>
<link rel="icon" href="/icon.svg">
<style>${STYLE}</style>
</head>
<body>
<main>
<header><img src="/icon.svg" alt=""><div><h1>Sluice</h1><p>Queues, workers and usage</p></div></header>
${body}
</main>
</body>
</html>
`;
}
