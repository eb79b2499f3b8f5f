# Entropy as colour over training steps and positions in the response, a frame per arm, one scale.
#
#   N arms, COLS frames side by side; LABEL[k] of TITLE_LINES lines; XLABEL YLABEL ZLABEL
#   CELL[k]     block: x0 x1 y0 y1 value; what no cell covers is hatched
#   FROM TO     steps, TOP end of the positions, HIGH end of the colour scale
title_height = 25 * (TITLE_LINES - 1)
ROWS = int(ceil(1.0 * N / COLS))

x0 = px(104)
x1 = 1 - px(150)
y0 = FOOT + py(84)
y1 = 1 - py(92 + title_height)
gap_x = px(40)
gap_y = py(56 + title_height)
width = (x1 - x0 - (COLS - 1) * gap_x) / COLS
height = (y1 - y0 - (ROWS - 1) * gap_y) / ROWS

# Viridis: even steps of lightness, so that it reads in grey and with every kind of colour vision.
set palette defined (0 '#440154', 1 '#482878', 2 '#3e4989', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', 6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')
set cbrange [0:HIGH]
set cbtics font ',14' scale 0.5
set xrange [FROM:TO]
set yrange [0.5:TOP]
set tics font ',13'
set xtics autofreq
unset grid
set style fill solid 1.0 noborder
set object 1 rectangle from graph 0, 0 to graph 1, 1 behind fillcolor rgb '#f2f2f2' fillstyle solid noborder
set object 2 rectangle from graph 0, 0 to graph 1, 1 behind fillcolor rgb '#b8b8b8' fillstyle transparent pattern 4 noborder

set multiplot
unset key
do for [k=1:N] {
	row = (k - 1) / COLS
	col = (k - 1) % COLS
	top = y1 - row * (height + gap_y)
	set lmargin at screen x0 + col * (width + gap_x)
	set rmargin at screen x0 + col * (width + gap_x) + width
	set tmargin at screen top
	set bmargin at screen top - height
	set label 2 LABEL[k] at graph 0, screen top + py((TITLE_LINES > 1 ? 21 : 16) + 0.66 * title_height) left font ',15' textcolor rgb INK
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
	plot CELL[k] using 1:3:1:2:3:4:5 with boxxyerror fillcolor palette
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
	unset label 4
	unset label 5
}
unset multiplot
