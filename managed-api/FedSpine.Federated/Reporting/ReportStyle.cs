namespace FedSpine.Federated.Reporting;

/// <summary>The report's style sheet and script.</summary>
internal static class ReportStyle
{
    // Kinds k0..k7 are Okabe and Ito's colours, darkened on white and lightened on black to a contrast of at least 3.
    public const string Css = """

        :root { color-scheme: light dark;
          --page: #ffffff; --ink: #1b1f24; --soft: #59636e; --rule: #e4e7eb; --axis: #9aa4af; --panel: #f6f7f9;
          --pruned: #5b3fc4; --unpruned: #6b7580;
          --k0: #0072b2; --k1: #d55e00; --k2: #00875f; --k3: #b8558f; --k4: #a87b00; --k5: #2a8fc4; --k6: #7d5a3c; --k7: #4d4d4d; }
        @media (prefers-color-scheme: dark) { :root {
          --page: #14171b; --ink: #e9ecef; --soft: #a3adb8; --rule: #2b3138; --axis: #606b76; --panel: #1d2127;
          --pruned: #a996ff; --unpruned: #98a3ae;
          --k0: #4ba8e8; --k1: #f5853f; --k2: #2fc596; --k3: #e594c2; --k4: #e9b83c; --k5: #86cdf3; --k6: #c29a78; --k7: #c4c4c4; } }
        * { box-sizing: border-box; }
        body { margin: 0 auto; padding: 32px 24px 64px; max-width: 1096px; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        h1 { margin: 0; font-size: 30px; line-height: 1.2; overflow-wrap: anywhere; }
        h1 span { color: var(--soft); font-weight: 400; }
        h2 { margin: 0; font-size: 18px; }
        p { margin: 4px 0 0; color: var(--soft); max-width: 100ch; }
        p.fine { margin: 10px 0 0; }
        section { margin-top: 44px; min-width: 0; }
        .pair { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 0 40px; }
        .scroll { overflow-x: auto; margin-top: 12px; }
        svg { display: block; width: 100%; height: auto; overflow: visible; }
        .full svg { min-width: 720px; }
        .half svg { min-width: 400px; }
        @media (max-width: 760px) { .pair { grid-template-columns: minmax(0, 1fr); } body { padding: 20px 16px 48px; } }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 28px 0 20px; }
        .tile { background: var(--panel); border-radius: 8px; padding: 14px 16px; display: flex; flex-direction: column; }
        .tile b { font-size: 28px; line-height: 1.2; font-weight: 650; }
        .tile span { font-weight: 550; }
        .tile small { color: var(--soft); font-size: 13px; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
        th, td { padding: 5px 14px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); font-weight: 400; }
        th:first-child, td:first-child { padding-left: 0; }
        thead th { color: var(--soft); }
        tbody th, .name { text-align: left; }
        td.name i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; background: var(--c); margin-right: 7px; }
        .words td:last-child { white-space: normal; text-align: left; min-width: 260px; }
        .headline td:nth-child(3) { font-weight: 650; }
        details { margin-top: 28px; }
        summary { cursor: pointer; font-weight: 600; }
        pre { margin: 10px 0 0; padding: 12px 14px; background: var(--panel); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere;
          font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        svg text { font-size: 12px; fill: var(--ink); font-variant-numeric: tabular-nums; }
        svg .tick { fill: var(--soft); }
        svg .title, svg .note { fill: var(--soft); font-size: 12.5px; }
        svg .endlabel { fill: var(--c, var(--ink)); font-weight: 600; }
        svg .incell { fill: var(--c); font-size: 11px; }
        svg .barlabel { font-size: 11px; }
        svg .barlabel, svg .halo { paint-order: stroke; stroke: var(--page); stroke-width: 3.5px; stroke-linejoin: round; }
        .grid { stroke: var(--rule); }
        .axis { stroke: var(--axis); }
        .goal { stroke: var(--soft); stroke-dasharray: 2 4; stroke-width: 1.5; }
        .range { stroke: var(--axis); stroke-width: 1.5; }
        .whisker { stroke: var(--ink); stroke-width: 1.5; }
        .line { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; }
        .strong { stroke-width: 3; }
        .dashed { stroke-dasharray: 7 5; }
        .dot, .fill { fill: var(--c); }
        .crisp { shape-rendering: crispEdges; }
        .ring { stroke: var(--page); stroke-width: 1.5; }
        .box { fill: var(--c); stroke: var(--page); stroke-width: 1.5; }
        .empty { fill: var(--panel); stroke: var(--axis); stroke-width: 1; }
        .masked { fill: url(#hatch); stroke: var(--axis); stroke-width: 1; }
        .defs { position: absolute; width: 0; height: 0; }
        .hatchground { fill: var(--page); opacity: 0.75; }
        .hatchline { stroke: var(--axis); stroke-width: 1.5; }
        .bar { fill: var(--c); }
        .outline { fill: var(--panel); stroke: var(--axis); stroke-dasharray: 3 3; }
        #tip { position: fixed; z-index: 9; max-width: 380px; padding: 6px 10px; border-radius: 6px; pointer-events: none;
          background: var(--ink); color: var(--page); font-size: 13px; line-height: 1.4; }
        @media print { body { max-width: none; } section { break-inside: avoid; } }

        """;

    /// <summary>The pattern of <c>.masked</c>, once for all pictures.</summary>
    public const string Hatch = """
        <svg class="defs" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" patternTransform="rotate(45)" patternUnits="userSpaceOnUse"><rect class="hatchground" width="6" height="6"/><line class="hatchline" x1="0" y1="0" x2="0" y2="6"/></pattern></defs></svg>
        """;

    public const string Script = """

        for (const title of document.querySelectorAll('svg title')) {
          title.parentNode.dataset.tip = title.textContent;
          title.remove();
        }
        const tip = document.getElementById('tip');
        document.addEventListener('pointermove', event => {
          const text = event.target.dataset && event.target.dataset.tip;
          tip.hidden = !text;
          if (!text) return;
          tip.textContent = text;
          const right = event.clientX + 14 + tip.offsetWidth > innerWidth, low = event.clientY + 18 + tip.offsetHeight > innerHeight;
          tip.style.left = Math.max(4, right ? event.clientX - 14 - tip.offsetWidth : event.clientX + 14) + 'px';
          tip.style.top = (low ? event.clientY - 10 - tip.offsetHeight : event.clientY + 18) + 'px';
        });

        """;
}
