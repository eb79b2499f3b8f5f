# Curves of up to 8 arms: mean, 95 % band, single seeds as hairlines; panels under one another.
#
#   P panels, N arms          YLABEL[p] YMIN[p] YMAX[p]   of panel p; XMAX
#   LABEL[k] STYLE[k]         of arm k; EVERY[k] rows between markers
#   MEAN[(p-1)*N+k]           block: x mean low high n
#   BAND[(p-1)*N+k]           block: x low high, cut at the frame
#   SEEDS[(p-1)*N+k]          block: x value, an empty line between seeds
#   LOST[j] LOST_STYLE[j] LOST_PANEL[j], j = 1..N_LOST   curves of trials that ended early
#   KEY_CHARS                 letters of the longest label
#   SEED_WIDTH SEED_FADE      of the hairlines, 0 HAIRLINES: none; SEED_NOTE for the key, or empty
#   BAND_FILL                 how dense a band is; ZERO: 0 for a line there, else NaN
LINE = 27.0
below = KEY_CHARS > 30
key_cols = KEY_CHARS > 48 ? 1 : 2
rows = N + (SEED_NOTE ne '' ? 1 : 0)
key_height = below ? LINE * ceil(1.0 * rows / key_cols) + 14 : 0

x0 = px(146)
x1 = below ? 1 - px(30) : 1 - px(102 + 11 * KEY_CHARS)
y0 = FOOT + py(84 + key_height)
y1 = 1 - py(66)
gap = py(34)
height = (y1 - y0 - (P - 1) * gap) / P

set style fill transparent solid BAND_FILL noborder

set multiplot
set lmargin at screen x0
set rmargin at screen x1
set xrange [0:XMAX]
unset key
do for [p=1:P] {
	top = y1 - (p - 1) * (height + gap)
	set tmargin at screen top
	set bmargin at screen top - height
	set yrange [YMIN[p]:YMAX[p]]
	set label 2 YLABEL[p] at screen px(30), screen (top - 0.5 * height) center rotate by 90 font ',16' textcolor rgb INK
	set format x (p == P ? '%g' : '')
	if (p == P) { set xlabel XLABEL offset 0, 0.3 }
	plot ZERO with lines lw 1.2 lc rgb '#666666' notitle, \
	     for [k=1:N] SEEDS[(p-1)*N+k] using (HAIRLINES ? $1 : NaN):2 with lines lw SEED_WIDTH lc rgb fade(STYLE[k], SEED_FADE) notitle, \
	     for [k=1:N] BAND[(p-1)*N+k] using 1:2:3 with filledcurves lc rgb COLOR[STYLE[k]] notitle, \
	     for [k=1:N] MEAN[(p-1)*N+k] using (HAIRLINES ? NaN : $1):3 with lines lw 0.7 lc rgb fade(STYLE[k], 120) notitle, \
	     for [k=1:N] MEAN[(p-1)*N+k] using (HAIRLINES ? NaN : $1):4 with lines lw 0.7 lc rgb fade(STYLE[k], 120) notitle, \
	     for [j=1:N_LOST] LOST[j] using (LOST_PANEL[j] == p ? $1 : NaN):2 with lines lw 1.2 dt 3 lc rgb COLOR[LOST_STYLE[j]] notitle, \
	     for [k=1:N] MEAN[(p-1)*N+k] using 1:2 with linespoints ls STYLE[k] pi (-EVERY[k]) notitle
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
}

# The key is an empty plot of its own, so that it never covers a curve.
unset border; unset tics; unset grid; unset xlabel; unset label
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
if (below) {
	set key at screen 0.5, screen (FOOT + py(key_height)) center top Left reverse samplen 3 width 2 spacing 1.15 maxcols key_cols horizontal
} else {
	set key at screen (x1 + px(14)), screen y1 left top Left reverse samplen 2.2 spacing 1.3 vertical maxcols 1
}
plot for [k=1:N] NaN with linespoints ls STYLE[k] title LABEL[k], \
     for [k=N+1:rows] NaN with lines lw SEED_WIDTH lc rgb '#888888' title SEED_NOTE
unset multiplot
