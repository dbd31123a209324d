// Filters the findings and opens what a link leads to. The page is whole without it.
const form = document.querySelector(".filter");
const findings = [...document.querySelectorAll(".finding[data-tenant]")];
const show = () => {
  const tenant = form.tenant.value, status = form.status.value;
  let shown = 0;
  for (const one of findings) {
    one.hidden = (tenant && one.dataset.tenant !== tenant) || (status && one.dataset.status !== status);
    shown += one.hidden ? 0 : 1;
  }
  form.querySelector("output").textContent = `${shown} of ${findings.length}`;
};
form.hidden = findings.length === 0;
form.addEventListener("change", show);
form.addEventListener("submit", (event) => event.preventDefault());
for (const card of document.querySelectorAll("[data-choose]"))
  card.addEventListener("click", () => { form.tenant.value = card.dataset.choose; show(); });
const open = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", open);
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("details.finding, details.ledger")) one.open = true;
});
show();
open();
