# Many arms (9 to 30): a small frame each, the other arms' means in grey behind it.
# Variables as in bands.gp, COLS frames side by side, labels of TITLE_LINES lines; with two panels
# both metrics share a frame, one colour each.
ROWS = int(ceil(1.0 * N / COLS))
key_height = P > 1 ? 34 : 0
title_height = 22 * (TITLE_LINES - 1)

x0 = px(130)
x1 = 1 - px(30)
y0 = FOOT + py(84)
y1 = 1 - py(96 + key_height + title_height)
gap_x = px(44)
gap_y = py(48 + title_height)
width = (x1 - x0 - (COLS - 1) * gap_x) / COLS
height = (y1 - y0 - (ROWS - 1) * gap_y) / ROWS

# The round number (1, 2 or 5 times a power of ten) next above x.
round_to(x, p) = x <= p ? p : x <= 2*p ? 2*p : x <= 5*p ? 5*p : 10*p
nice(x) = x > 0 ? round_to(x, 10**floor(log10(x))) : 1

# The frames share their ranges, so that they can be compared.
low = YMIN[1]
high = YMAX[1]
if (P > 1) {
	low = YMIN[2] < low ? YMIN[2] : low
	high = YMAX[2] > high ? YMAX[2] : high
}

set multiplot
unset key
set xrange [0:XMAX]
set yrange [low:high]
set tics font ',12'
set xtics nice(XMAX / 3.5)
do for [k=1:N] {
	row = (k - 1) / COLS
	col = (k - 1) % COLS
	set lmargin at screen x0 + col * (width + gap_x)
	set rmargin at screen x0 + col * (width + gap_x) + width
	set tmargin at screen y1 - row * (height + gap_y)
	set bmargin at screen y1 - row * (height + gap_y) - height
	set label 2 LABEL[k] at graph 0, screen y1 - row * (height + gap_y) + py((TITLE_LINES > 1 ? 23 : 17) + 0.66 * title_height) left font ',13' textcolor rgb INK
	set format y (col == 0 ? '%g' : '')
	set format x (k + COLS > N ? '%g' : '')
	unset xlabel
	unset ylabel
	if (k == 1) {
		set label 3 (P == 1 ? YLABEL[1] : '') at screen px(32), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set label 4 XLABEL at screen 0.5 * (x0 + x1), screen FOOT + py(26) center font ',16' textcolor rgb INK
	}
	plot ZERO with lines lw 1.0 lc rgb '#666666', \
	     for [i=1:(P == 1 ? N : 1)] MEAN[i] using 1:(P == 1 && i != k ? $2 : NaN) with lines lw 0.7 lc rgb '#c4c4c4', \
	     for [p=1:P] SEEDS[(p-1)*N+k] using 1:2 with lines lw SEED_WIDTH lc rgb fade(p, SEED_FADE), \
	     for [p=1:P] BAND[(p-1)*N+k] using 1:2:3 with filledcurves lc rgb COLOR[p], \
	     for [j=1:N_LOST] LOST[j] using (LOST_ARM[j] == k ? $1 : NaN):2 with lines lw 1.2 dt 3 lc rgb COLOR[LOST_PANEL[j]], \
	     for [p=1:P] MEAN[(p-1)*N+k] using 1:2 with lines lw 2.2 lc rgb COLOR[p]
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
	unset label 4
}
if (P > 1) {
	unset border; unset tics; unset grid; unset xlabel; unset ylabel; unset label
	set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
	set xrange [0:1]; set yrange [0:1]
	set key at screen x0, screen (1 - py(58)) left top horizontal Left reverse samplen 3 width 2 maxrows 1
	plot for [p=1:P] NaN with lines lw 2.2 lc rgb COLOR[p] title YLABEL[p]
}
unset multiplot
