// Runs before the first paint, so that a chosen theme never flashes. No module: it has to block.
(() => {
  try {
    const chosen = localStorage.getItem('iovad-theme');
    if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
  } catch { /* storage is closed: the system's preference stands */ }
})();
