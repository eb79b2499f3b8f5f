# Accuracy against entropy along training, a frame per arm: every evaluation of every seed, light at
# the beginning and dark at the end, the way of the mean from ring to disc, the fitted law
# R = b - a exp(H) and, dashed, its rival linear in H.
#
#   N arms, COLS frames side by side; LABEL[k] of TITLE_LINES lines; XLABEL YLABEL ZLABEL
#   POINTS[k]   block: H R step, an empty line between seeds;  STEP_MAX end of the colour scale
#   MEAN[k]     block: H R;  ENDS[k] its first and last row
#   FIT[k]      block: H law line inside outside, the last two H where points are and where none are;
#               NOTE[3*(k-1)+1..3] of it
#   H_MAX end of the abscissa; KEY[1..4]
LAW = '#D55E00'
RIVAL = '#009E73'
title_height = 25 * (TITLE_LINES - 1)
ROWS = int(ceil(1.0 * N / COLS))

x0 = px(104)
x1 = 1 - px(150)
y0 = FOOT + py(84)
y1 = 1 - py(124 + title_height)
gap_x = px(40)
gap_y = py(56 + title_height)
width = (x1 - x0 - (COLS - 1) * gap_x) / COLS
height = (y1 - y0 - (ROWS - 1) * gap_y) / ROWS

set palette defined (0 '#B5D8F0', 1 '#6BAED6', 2 '#2E7EBB', 3 '#08306B')
set cbrange [0:STEP_MAX]
set style fill solid 1.0 noborder
set cbtics font ',14' scale 0.5
set tics font ',13'
set xrange [0:H_MAX]
set yrange [0:1]

set multiplot
unset key
do for [k=1:N] {
	row = (k - 1) / COLS
	col = (k - 1) % COLS
	left = x0 + col * (width + gap_x)
	top = y1 - row * (height + gap_y)
	set lmargin at screen left
	set rmargin at screen left + width
	set tmargin at screen top
	set bmargin at screen top - height
	set label 2 LABEL[k] at graph 0, screen top + py((TITLE_LINES > 1 ? 21 : 16) + 0.66 * title_height) left font ',15' textcolor rgb INK
	set label 6 NOTE[3*(k-1)+1] at screen left + width - px(4), screen top - py(10) right font ',13' textcolor rgb LAW
	set label 7 NOTE[3*(k-1)+2] at screen left + width - px(4), screen top - py(31) right font ',13' textcolor rgb RIVAL
	set label 8 NOTE[3*(k-1)+3] at screen left + width - px(4), screen top - py(52) right font ',13' textcolor rgb LAW
	set format y (col == 0 ? '%g' : '')
	set format x (k + COLS > N ? '%g' : '')
	if (k == 1) {
		set label 3 YLABEL at screen px(32), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set label 4 XLABEL at screen 0.5 * (x0 + x1), screen FOOT + py(26) center font ',16' textcolor rgb INK
		set label 5 ZLABEL at screen 1 - px(24), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set colorbox vertical user origin screen x1 + px(26), screen y0 size screen px(22), screen (y1 - y0) noborder
	} else {
		unset colorbox
	}
	plot POINTS[k] using 1:2 with lines lw 0.5 lc rgb '#d4d4d4', \
	     FIT[k] using 5:2 with lines lw 0.8 lc rgb LAW, \
	     FIT[k] using 5:3 with lines lw 0.8 dt 2 lc rgb RIVAL, \
	     POINTS[k] using 1:2:3 with points pt 7 ps 0.8 lc palette, \
	     FIT[k] using 4:2 with lines lw 2.2 lc rgb LAW, \
	     FIT[k] using 4:3 with lines lw 2.0 dt 2 lc rgb RIVAL, \
	     MEAN[k] using 1:2 with lines lw 1.8 lc rgb '#666666', \
	     ENDS[k] every ::0::0 using 1:2 with points pt 7 ps 1.7 lc rgb '#ffffff', \
	     ENDS[k] every ::0::0 using 1:2 with points pt 6 ps 1.5 lw 2.0 lc rgb '#000000', \
	     ENDS[k] every ::1::1 using 1:2 with points pt 7 ps 1.6 lc rgb '#000000'
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
	unset label 4
	unset label 5
}
unset border; unset tics; unset grid; unset label
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set key at screen x0, screen (1 - py(58)) left top horizontal Left reverse samplen 3 width -1 maxrows 1
plot NaN with points pt 6 ps 1.5 lw 2.0 lc rgb '#000000' title KEY[1], \
     NaN with points pt 7 ps 1.6 lc rgb '#000000' title KEY[2], \
     NaN with lines lw 2.2 lc rgb LAW title KEY[3], \
     NaN with lines lw 2.0 dt 2 lc rgb RIVAL title KEY[4]
unset multiplot
