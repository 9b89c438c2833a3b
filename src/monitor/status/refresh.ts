/** How often the page looks again: by the script below, and where scripts are off by itself. */
export const REFRESH_SECONDS = 5;

/**
 * Puts the new `<main>` in the place of the old one, so that neither the place on the page nor a selection elsewhere is
 * lost. Runs in the browser.
 */
export const REFRESH_SCRIPT = `'use strict';
const root = document.documentElement;
async function refresh() {
  if (document.hidden) return;
  try {
    const response = await fetch('/', { headers: { accept: 'text/html' }, signal: AbortSignal.timeout(4000) });
    if (response.redirected) return location.reload();
    if (!response.ok) throw new Error(String(response.status));
    const next = new DOMParser().parseFromString(await response.text(), 'text/html');
    document.querySelector('main').replaceWith(document.adoptNode(next.querySelector('main')));
    document.title = next.title;
    root.classList.remove('stale');
  } catch {
    root.classList.add('stale');
  }
}
setInterval(refresh, ${REFRESH_SECONDS * 1_000});
document.addEventListener('visibilitychange', refresh);
`;
