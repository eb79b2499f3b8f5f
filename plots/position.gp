# Entropy by position in the response, a frame per arm: the first, the middle and the last step.
#
#   N arms, COLS frames side by side; LABEL[k] of TITLE_LINES lines; WHEN[t], t = 1..3 (T of them): the words for the steps
#   CURVE[(k-1)*T+t]   block: position mean low high n; EVERY positions between markers
#   LONGEST response, HIGH end of the ordinate
array SHADE[3] = ['#8CC4E6', '#2E7EBB', '#08306B']
array FORM[3] = [7, 5, 9]
title_height = 25 * (TITLE_LINES - 1)
ROWS = int(ceil(1.0 * N / COLS))

x0 = px(104)
x1 = 1 - px(30)
y0 = FOOT + py(84)
y1 = 1 - py(124 + title_height)
gap_x = px(48)
gap_y = py(56 + title_height)
width = (x1 - x0 - (COLS - 1) * gap_x) / COLS
height = (y1 - y0 - (ROWS - 1) * gap_y) / ROWS

set multiplot
unset key
set xrange [0.5:LONGEST+0.5]
set yrange [0:HIGH]
set tics font ',13'
do for [k=1:N] {
	row = (k - 1) / COLS
	col = (k - 1) % COLS
	set lmargin at screen x0 + col * (width + gap_x)
	set rmargin at screen x0 + col * (width + gap_x) + width
	set tmargin at screen y1 - row * (height + gap_y)
	set bmargin at screen y1 - row * (height + gap_y) - height
	set label 2 LABEL[k] at graph 0, screen y1 - row * (height + gap_y) + py((TITLE_LINES > 1 ? 21 : 16) + 0.66 * title_height) left font ',15' textcolor rgb INK
	set format y (col == 0 ? '%g' : '')
	set format x (k + COLS > N ? '%g' : '')
	if (k == 1) {
		set label 3 'entropy (nats)' at screen px(32), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set label 4 'position in the response (tokens)' at screen 0.5 * (x0 + x1), screen FOOT + py(26) center font ',16' textcolor rgb INK
	}
	plot for [t=1:T] CURVE[(k-1)*T+t] using 1:3:4 with filledcurves lc rgb SHADE[t], \
	     for [t=1:T] CURVE[(k-1)*T+t] using 1:2 with linespoints lw 2.0 pt FORM[t] ps 0.9 pi (-EVERY) lc rgb SHADE[t]
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
	unset label 4
}
unset border; unset tics; unset grid; unset label
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set key at screen x0, screen (1 - py(58)) left top horizontal Left reverse samplen 3 width 2 maxrows 1
plot for [t=1:T] NaN with linespoints lw 2.0 pt FORM[t] ps 0.9 lc rgb SHADE[t] title WHEN[t]
unset multiplot
