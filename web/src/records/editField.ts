const within = (place: Element | null | undefined) => place?.querySelector<HTMLElement>('[data-edit]') ?? null;
const page = () => document.getElementById('main');

/** What opens the editor of a field, where it is on the page. */
export const editButton = (name: string): HTMLElement | null =>
  within(page()?.querySelector(`[data-field="${CSS.escape(name)}"]`));

/** Opens the editor of the field that has the focus, or else of the one by this name, or of the first. */
export function editField(name: string | undefined): void {
  const button =
    within(document.activeElement?.closest('[data-field]')) ??
    (name === undefined ? null : editButton(name)) ??
    within(page());
  button?.click();
}
