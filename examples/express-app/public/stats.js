'use strict';

const REFRESH_MS = 1000;
const freshness = document.querySelector('#freshness');
const figures = document.querySelectorAll('[data-path]');

async function refresh() {
  try {
    const response = await fetch('/stats.json', { signal: AbortSignal.timeout(5000) });
    if (!response.ok) {
      throw new Error(`the answer was ${response.status}`);
    }
    const stats = await response.json();
    for (const figure of figures) {
      const value = figure.dataset.path.split('.').reduce((object, name) => object?.[name], stats) ?? '–';
      figure.classList.toggle('changed', figure.textContent !== String(value));
      figure.textContent = value;
    }
    freshness.textContent = `As of ${new Date().toLocaleTimeString()}.`;
  } catch (error) {
    freshness.textContent = `Not refreshed: ${error.message}.`;
  }
  // After the answer, not on a beat: a slow server is not asked faster than it answers.
  setTimeout(refresh, REFRESH_MS);
}

refresh();
