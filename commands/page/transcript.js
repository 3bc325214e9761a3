// What was said last stays in sight.
watch("value", () => {
  const last = element.lastElementChild;
  if (last && !last.matches(".empty")) {
    last.scrollIntoView({ block: "nearest" });
  }
});
