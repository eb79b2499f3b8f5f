# Accuracy against entropy along training, up to 8 arms: every evaluation of every seed, the fitted
# law R = b - a exp(H) and, dashed, its rival linear in H.
#
#   N arms; LABEL[k] STYLE[k]; KEY_TITLE, KEY_CHARS
#   POINTS[k]   block: H R, an empty line between seeds
#   FIT[k]      block: H, law, line; a single row of NaN where nothing was fitted
LINE = 27.0
below = KEY_CHARS > 34
key_height = below ? LINE * (N + 1) + 14 : 0

set lmargin at screen px(146)
set rmargin at screen (below ? 1 - px(30) : 1 - px(112 + 11 * KEY_CHARS))
set bmargin at screen FOOT + py(84 + key_height)
set tmargin at screen 1 - py(66)
set xrange [0:*]
set yrange [0:1]
set xlabel 'policy entropy on training questions, mean per response (nats)' offset 0, 0.3
set label 2 'held-out accuracy (share of samples right)' at screen px(30), screen 0.5*(FOOT + py(84 + key_height) + 1 - py(66)) center rotate by 90 font ',16' textcolor rgb INK
set key title KEY_TITLE left font ',15' textcolor rgb INK
if (below) {
	set key at screen px(146), screen (FOOT + py(key_height)) left top Left reverse samplen 3 spacing 1.15 maxcols 1
} else {
	set key at screen 1 - px(98 + 11 * KEY_CHARS), screen 1 - py(66) left top Left reverse samplen 2.2 spacing 1.3 maxcols 1
}
plot for [k=1:N] POINTS[k] using 1:2 with lines lw 0.6 lc rgb fade(STYLE[k], 175) notitle, \
     for [k=1:N] POINTS[k] using 1:2 with points pt MARK[STYLE[k]] ps 0.75*SIZE[STYLE[k]] lc rgb fade(STYLE[k], 70) notitle, \
     for [k=1:N] FIT[k] using 1:3 with lines lw 1.6 dt 2 lc rgb COLOR[STYLE[k]] notitle, \
     for [k=1:N] FIT[k] using 1:2 with lines lw 2.4 lc rgb COLOR[STYLE[k]] notitle, \
     for [k=1:N] NaN with linespoints ls STYLE[k] title LABEL[k]
