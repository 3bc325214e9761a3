// Clicks on cards, and the focus, which is lost when the cards are drawn anew.
let last = null;
element.addEventListener("click", (event) => {
  const card = event.target.closest("[data-subject]");
  if (card) {
    last = card.dataset.subject;
    trigger("choose", { subject: last });
  }
});
watch("value", () => {
  if (last && document.activeElement === document.body) {
    element.querySelector(`[data-subject="${CSS.escape(last)}"]`)?.focus({ preventScroll: true });
  }
});
