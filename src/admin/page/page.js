(() => {
  'use strict';
  // What is live is fetched again as the page that it is on, and put in place where it differs.
  const pause = document.getElementById('pause');
  let paused = false;
  const refresh = async () => {
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const old of document.querySelectorAll('[data-live]')) {
        const now = fresh.getElementById(old.id);
        if (!now || now.innerHTML === old.innerHTML) continue;
        const known = new Set(Array.from(old.querySelectorAll('tr[id]'), (row) => row.id));
        for (const row of now.querySelectorAll('tr[id]')) if (!known.has(row.id)) row.classList.add('new');
        const focused = old.contains(document.activeElement) && document.activeElement.getAttribute('href');
        old.replaceChildren(...now.childNodes);
        if (focused) old.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
      }
      document.body.classList.remove('stale');
    } catch {
      document.body.classList.add('stale');
    }
  };
  if (pause) {
    pause.hidden = false;
    pause.addEventListener('click', () => {
      paused = !paused;
      pause.textContent = paused ? 'Go on' : 'Pause';
      refresh();
    });
    const again = () => refresh().finally(() => setTimeout(again, 2000));
    setTimeout(again, 2000);
    document.addEventListener('visibilitychange', refresh);
  }
  // A file is dropped where it could be pasted.
  for (const area of document.querySelectorAll('textarea[data-drop]')) {
    area.addEventListener('dragover', (event) => {
      event.preventDefault();
      area.classList.add('over');
    });
    area.addEventListener('dragleave', () => area.classList.remove('over'));
    area.addEventListener('drop', async (event) => {
      area.classList.remove('over');
      const file = event.dataTransfer.files[0];
      if (!file) return;
      event.preventDefault();
      area.value = await file.text();
    });
  }
})();
