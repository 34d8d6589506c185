"""How the report looks: on a desk, on a phone, in the dark, on paper."""

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a2130;--soft:#586172;--line:#dde1e8;
--accent:#1f5fae;--hollow:#8a94a6;--ok:#1b7a4b;--okb:#e6f4ec;--warn:#9a5b00;--warnb:#fdf1dc;
--alarm:#b3212d;--alarmb:#fdeaea;--unknown:#6a3fa0;--unknownb:#f1eafa;--few:#5e6778;--fewb:#eceff3;
--h0:#eaf1fa;--h1:#c3d9f1;--h2:#85b0e0;--h3:#3f7fc6;--h4:#164a8d;--hx:#e4e7ec;--onh:#fff}
@media (prefers-color-scheme:dark){:root{--bg:#11151b;--card:#1a2029;--ink:#e7eaf0;--soft:#a3adbd;
--line:#303846;--accent:#6ea8ee;--hollow:#8f9bb0;--ok:#5fc992;--okb:#17322a;--warn:#f0b35a;--warnb:#3a2c14;
--alarm:#ff8a8a;--alarmb:#42191d;--unknown:#c5a3f2;--unknownb:#2f2244;--few:#a3adbd;--fewb:#2a313d;
--h0:#1f2c3d;--h1:#274769;--h2:#33699f;--h3:#569bdf;--h4:#b0d5ff;--hx:#2b313b;--onh:#0b1017}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%;overflow-wrap:anywhere}
main,header,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:28px}
h1,h2,h3{line-height:1.25;margin:0}
h1{font-size:26px;letter-spacing:-.01em}
h2{font-size:20px;margin:44px 0 12px}
h3{font-size:16px}
p{margin:6px 0}
a{color:var(--accent)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);
outline-offset:2px}
.soft,figcaption,caption,.meta{color:var(--soft);font-size:13px}
.meta{display:flex;flex-wrap:wrap;gap:2px 18px;margin:4px 0 18px}
code{font:12.5px/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.defs{position:absolute}
.i{width:1.05em;height:1.05em;flex:none;vertical-align:-.16em;fill:none;stroke:currentColor;
stroke-width:1.7;
stroke-linecap:round;stroke-linejoin:round}
.banner{display:flex;gap:16px;align-items:flex-start;border:1px solid;border-left-width:7px;
border-radius:10px;
padding:16px 20px}
.banner>.i{width:38px;height:38px;stroke-width:1.3;margin-top:2px}
.banner p{color:var(--ink)}
.banner .what{font-size:21px;font-weight:650;line-height:1.3;margin:0;color:inherit}
.ok{color:var(--ok)}.warn{color:var(--warn)}.alarm{color:var(--alarm)}.unknown{color:var(--unknown)}
.insufficient{color:var(--few)}
.banner.ok,.badge.ok{background:var(--okb)}.banner.warn,.badge.warn{background:var(--warnb)}
.banner.alarm,.badge.alarm{background:var(--alarmb)}
.banner.unknown,.badge.unknown{background:var(--unknownb)}
.banner.insufficient,.badge.insufficient{background:var(--fewb)}
.badge{display:inline-flex;gap:5px;align-items:center;border-radius:20px;padding:1px 10px 1px 8px;
font-size:13px;
font-weight:600;white-space:nowrap}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:10px;margin:16px 0 0;
padding:0;
list-style:none}
.tiles li,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tiles li{padding:10px 14px}
.tiles b{display:block;font-size:20px;font-weight:650;font-variant-numeric:tabular-nums;line-height:1.3}
.tiles span{color:var(--soft);font-size:13px}
.card{padding:14px 18px;margin:0 0 12px}
.scroll{overflow-x:auto;margin:0 -4px;padding:0 4px}
.scroll+.scroll,.two+.scroll{margin-top:18px}
table{border-collapse:collapse;width:100%;font-size:13.5px;font-variant-numeric:tabular-nums}
caption{text-align:left;padding:0 0 6px;position:sticky;left:0;max-width:calc(100vw - 60px)}
thead th{overflow-wrap:normal}
th,td{padding:4px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line);
vertical-align:top}
thead th{font-weight:600;color:var(--soft);font-size:12.5px;vertical-align:bottom;white-space:normal;
min-width:62px}
th:first-child,td:first-child{text-align:left;padding-left:2px}
tfoot th,tfoot td{font-weight:650;border-bottom:0}
td.t,th.t{text-align:left;white-space:normal;overflow-wrap:break-word}
td.t{max-width:440px}td.t:nth-last-child(2):not(:nth-child(-n+3)){min-width:170px}
tbody th{font-weight:500;text-align:left;white-space:normal;min-width:132px;max-width:280px;
overflow-wrap:break-word}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:0 0 10px}
summary{display:flex;flex-wrap:wrap;gap:4px 12px;align-items:center;padding:11px 18px;cursor:pointer;
list-style:none}
summary::-webkit-details-marker{display:none}
summary:before{content:"";width:7px;height:7px;border:solid var(--soft);border-width:0 2px 2px 0;
transform:rotate(-45deg);flex:none}
details[open]>summary:before{transform:rotate(45deg) translate(-2px,-2px)}
summary .psi{margin-left:auto;color:var(--soft);font-size:13.5px;font-variant-numeric:tabular-nums}
.in{padding:0 18px 14px;scroll-margin-top:56px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:14px 34px;
margin:4px 0 12px}
figure{margin:0;min-width:0}
figcaption{margin-bottom:4px}
figcaption b{color:var(--ink);font-weight:600}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(98px,1fr));gap:8px 14px;margin:2px 0 14px}
dl div{display:flex;flex-direction:column;justify-content:flex-end}
dt{color:var(--soft);font-size:12px}
dd{margin:0;font-weight:600;font-variant-numeric:tabular-nums}
.key{display:flex;flex-wrap:wrap;gap:2px 16px;margin:6px 0;font-size:13px;color:var(--soft);
align-items:center}
.key svg{width:26px;height:14px;margin-right:5px;vertical-align:-2px}
.lk{margin-right:12px;white-space:nowrap}.lk svg{width:26px;height:8px;margin-right:5px;vertical-align:2px}
.chart,.bars{display:block;width:100%;max-width:520px;height:auto}.two .chart{max-width:420px}
.heat{display:block;height:auto;max-width:none}
svg text{font-size:10.5px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg .l,svg .v{text-anchor:end}svg .m{text-anchor:middle}
.bars .l,.heat .l{fill:var(--ink);font-size:11px}
.e{fill:none;stroke:var(--hollow);stroke-width:1}.a{fill:var(--accent)}
.ax{fill:none;stroke:var(--line)}
.tw,.ta{fill:none;stroke:var(--warn);stroke-width:1;opacity:.75;stroke-dasharray:1 3;stroke-linecap:round}
.ta{stroke:var(--alarm)}
.cr{fill:none;stroke:var(--hollow);stroke-width:1.3;stroke-dasharray:5 3}
.ps,.s1,.s2{fill:none;stroke:var(--accent);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.s2{stroke:var(--warn);stroke-dasharray:4 3}
.pt{stroke-width:5;stroke-dasharray:none}
.k{fill:none;stroke-width:2;stroke-linecap:round}
.k.ok{stroke:var(--accent);stroke-width:4.4}
.k.warn{stroke:var(--card);fill:var(--warn);stroke-width:1;paint-order:stroke}
.k.alarm{stroke:var(--alarm);stroke-width:2.3}
.k.insufficient{stroke:var(--few);stroke-width:1.2;fill:var(--card)}
.h{fill:none;stroke-width:14}.key .h{stroke-width:12}
.h0{stroke:var(--h0)}.h1{stroke:var(--h1)}.h2{stroke:var(--h2)}.h3{stroke:var(--h3)}.h4{stroke:var(--h4)}
.hx{stroke:var(--hx)}
.hs{stroke:var(--few)}
.k2{fill:none;stroke:var(--onh);stroke-width:1.8;stroke-linecap:round}.k2.warn{fill:var(--ink);stroke:none}
.sw{fill:var(--okb);stroke:var(--ok)}.sw.open{fill:var(--alarm);stroke:var(--alarm)}
.sw.half_open{fill:var(--warnb);stroke:var(--warn)}
footer{padding-bottom:40px;margin-top:36px}
@media (max-width:560px){main,header,footer{padding:0 14px}header{padding-top:18px}h1{font-size:22px}
.banner{padding:13px 14px;gap:11px}.banner>.i{width:28px;height:28px}.banner .what{font-size:18px}
.card,.in{padding-left:12px;padding-right:12px}summary{padding:11px 12px}h2{margin-top:34px}
.tiles{grid-template-columns:1fr 1fr}th,td{padding:4px 7px}summary .psi{margin-left:0;width:100%}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;
--accent:#1f5fae;
--hollow:#777;--ok:#1b7a4b;--okb:#fff;--warn:#9a5b00;--warnb:#fff;--alarm:#b3212d;--alarmb:#fff;
--unknown:#6a3fa0;
--unknownb:#fff;--few:#5e6778;--fewb:#fff;--h0:#eaf1fa;--h1:#c3d9f1;--h2:#85b0e0;--h3:#3f7fc6;--h4:#164a8d;
--hx:#e4e7ec;--onh:#fff}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{font-size:10.5pt}main,header,footer{max-width:none;padding:0}
details::details-content{content-visibility:visible;display:block;height:auto}
tfoot{display:table-row-group}
summary:before{display:none}.scroll{overflow:visible}table{font-size:8.5pt}th,td{padding:2px 5px}
.chart,.bars{max-width:100%}.heat{max-width:100%}
h2,h3,summary{break-after:avoid}figure,tr,.banner,.tiles,dl{break-inside:avoid}a{color:inherit;
text-decoration:none}}
"""
"""One style sheet, within the page."""
