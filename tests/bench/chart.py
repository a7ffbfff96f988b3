"""A bar chart of ratios to native, as SVG written by hand."""

import math

COLOURS = {"mortise": "#1f77b4", "qemu": "#c8843c"}


def svg(title, rows, runners):
    """rows: [(name, {runner: ratio})]. Logarithmic from 0.5x on."""
    left, width, bar, gap = 130, 560, 11, 8
    pitch = bar * len(runners) + gap
    top, height = 62, pitch * len(rows)
    low = 0.5
    high = max([2.0] + [ratio for _, ratios in rows for ratio in ratios.values()]) * 1.15

    def x(ratio):
        return left + width * (math.log(max(ratio, low)) - math.log(low)) / (math.log(high) - math.log(low))

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}" height="{top + height + 40}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="20" font-size="15">{title}</text>',
    ]
    for i, runner in enumerate(runners):
        out.append(f'<rect x="{left + 110 * i}" y="30" width="12" height="12" fill="{COLOURS.get(runner, "#777")}"/>')
        out.append(f'<text x="{left + 110 * i + 17}" y="40">{runner}</text>')
    for tick in (0.5, 1, 2, 3, 5, 10, 20, 50, 100, 200):
        if tick > high:
            break
        colour, dash = ("#333", "") if tick == 1 else ("#ccc", ' stroke-dasharray="2,3"')
        out.append(f'<line x1="{x(tick):.1f}" x2="{x(tick):.1f}" y1="{top - 8}" y2="{top + height}" stroke="{colour}"{dash}/>')
        out.append(f'<text x="{x(tick):.1f}" y="{top + height + 16}" text-anchor="middle">{tick:g}x</text>')
    for i, (name, ratios) in enumerate(rows):
        y = top + i * pitch
        out.append(f'<text x="{left - 8}" y="{y + bar * len(runners) / 2 + 4:.1f}" text-anchor="end">{name}</text>')
        for j, runner in enumerate(runners):
            if runner not in ratios:
                continue
            end, base = x(ratios[runner]), x(low)
            out.append(
                f'<rect x="{base:.1f}" y="{y + j * bar}" width="{end - base:.1f}" height="{bar - 1}" '
                f'fill="{COLOURS.get(runner, "#777")}"/>'
            )
            out.append(f'<text x="{end + 4:.1f}" y="{y + j * bar + 9}" font-size="10">{ratios[runner]:.2f}</text>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
