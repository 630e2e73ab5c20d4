// Copying an id is a convenience: without this script the buttons stay hidden and everything else works.
document.addEventListener("DOMContentLoaded", () => {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll(".hf-copy")) {
    button.hidden = false;
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      await navigator.clipboard.writeText(button.dataset.copy);
      const icon = button.firstElementChild;
      icon.textContent = "check";
      setTimeout(() => { icon.textContent = "content_copy"; }, 1200);
    });
  }
});
// A link to a fact opens it.
const open = () => {
  const fact = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = fact && fact.querySelector("details");
  if (details) details.open = true;
};
window.addEventListener("hashchange", open);
document.addEventListener("DOMContentLoaded", open);
