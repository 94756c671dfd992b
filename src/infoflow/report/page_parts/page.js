// Filters of the verdicts, and figures that open at their full size.
const filters = document.getElementById('filters');
const verdicts = [...document.querySelectorAll('.verdict')];
function apply() {
  const wanted = new Set([...filters.querySelectorAll('[name=outcome]:checked')].map(box => box.value));
  const text = filters.elements.text.value.trim().toLowerCase();
  const name = filters.elements.document.value, data = filters.elements.data.value;
  let shown = 0;
  for (const row of verdicts) {
    const section = row.closest('.document');
    row.hidden = !(wanted.has(row.dataset.outcome) && (!name || section.dataset.document === name)
      && (!data || row.dataset.data === data) && (!text || row.textContent.toLowerCase().includes(text)));
    shown += !row.hidden;
  }
  for (const section of document.querySelectorAll('.document')) section.hidden = name !== '' && section.dataset.document !== name;
  filters.elements.shown.textContent = `${shown} of ${verdicts.length} verdicts`;
}
if (filters) {
  filters.addEventListener('input', apply);
  filters.addEventListener('submit', event => event.preventDefault());
  apply();
}
const viewer = document.getElementById('viewer');
for (const button of document.querySelectorAll('.enlarge')) button.addEventListener('click', () => {
  const picture = viewer.querySelector('img');
  picture.src = button.dataset.full;
  picture.alt = button.querySelector('img').alt;
  viewer.showModal();
});
viewer.addEventListener('click', event => { if (event.target === viewer) viewer.close(); });
