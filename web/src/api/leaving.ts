let isLeaving = false;

/** Begins anew at an address, as whom the browser has tokens now. Nothing that was read as somebody else stays. */
export function beginAnew(address: string): void {
  isLeaving = true;
  // A page that comes back by the browser's back button goes on as it was.
  window.addEventListener(
    'pageshow',
    () => {
      isLeaving = false;
    },
    { once: true },
  );
  window.location.assign(address);
}

/** For a page that is no longer whose it was. One that is on its way elsewhere must not be held back by that. */
export function reloadPage(): void {
  if (!isLeaving) window.location.reload();
}
