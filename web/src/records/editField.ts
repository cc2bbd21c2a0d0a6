/** Opens the editor of the field that has the focus, or else of the one by this name, or of the first. */
export function editField(name: string | undefined): void {
  const within = (place: Element | null | undefined) => place?.querySelector<HTMLElement>('[data-edit]');
  const page = document.getElementById('main');
  const button =
    within(document.activeElement?.closest('[data-field]')) ??
    (name === undefined ? undefined : within(page?.querySelector(`[data-field="${CSS.escape(name)}"]`))) ??
    within(page);
  button?.click();
}
