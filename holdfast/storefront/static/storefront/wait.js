// Copies a code for whom a button is easier, and asks again and again how a payment stands, ever less often, and only while the page is looked at. Without it the page
// reloads itself.
(function () {
  "use strict";
  document.querySelectorAll("[data-copy]").forEach(function (button) {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value).then(function () {
        button.textContent = button.dataset.copied;
      });
    });
  });
  var section = document.querySelector("[data-wait]");
  if (!section || !window.fetch) return;
  var asked = 0;

  function later(seconds) { window.setTimeout(ask, seconds * 1000); }

  function ask() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", ask, { once: true });
      return;
    }
    fetch(section.dataset.wait + "&n=" + asked, { credentials: "same-origin", cache: "no-store" }).then(function (response) {
      if (response.status === 205) {
        window.location.replace(section.dataset.then);
        return;
      }
      asked += 1;
      later(Number(response.headers.get("Retry-After")) || 5);
    }, function () { asked += 1; later(5); });
  }

  later(1);
})();
