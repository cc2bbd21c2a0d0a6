/** How a line ends: a crow's foot where there are many, a stroke where there is one. */
export function Markers() {
  return (
    <svg width="0" height="0" style={{ position: 'absolute' }} aria-hidden>
      <defs>
        <marker
          id="many"
          viewBox="0 0 12 12"
          refX="0"
          refY="6"
          markerWidth="12"
          markerHeight="12"
          markerUnits="userSpaceOnUse"
          orient="auto-start-reverse"
        >
          <path d="M12 6 L1 1 M12 6 L1 11 M12 6 L1 6" fill="none" stroke="var(--rv-line-strong)" strokeWidth="1.3" />
        </marker>
        <marker
          id="one"
          viewBox="0 0 12 12"
          refX="10"
          refY="6"
          markerWidth="12"
          markerHeight="12"
          markerUnits="userSpaceOnUse"
          orient="auto-start-reverse"
        >
          <path d="M6 1.5 L6 10.5" fill="none" stroke="var(--rv-line-strong)" strokeWidth="1.5" />
        </marker>
      </defs>
    </svg>
  );
}
