# Response maps: a frame an algorithm, a cell an arm, its colour the final value.
#
#   N frames, COLS side by side; LABEL[k] of TITLE_HEIGHT pixels; CELL CELL_HEIGHT pixels
#   $cells1 ... $cellsN   blocks: column row value seeds
#   NX NY; XTICK[i] YTICK[i]; XLABEL YKEY, what the numbers are
#   LOW HIGH              of the colours; LABEL_VALUES, what the values are
title_height = TITLE_HEIGHT
ROWS = int(ceil(1.0 * N / COLS))
gap_x = px(40)
width = px(CELL * NX)
height = py(CELL_HEIGHT * NY)
all = COLS * width + (COLS - 1) * gap_x
x0 = px(150) + 0.5 * (1 - px(300) - all)
x1 = x0 + all
y1 = 1 - py(102 + title_height)
gap_y = py(40 + title_height)
y0 = y1 - ROWS * height - (ROWS - 1) * gap_y

# Cividis (Nuñez, Anderton and Renslow, PLoS ONE 13, 2018): even in lightness, alike to every eye.
set palette defined (0 '#00224E', 1 '#123570', 2 '#3B496C', 3 '#575D6D', 4 '#707173', 5 '#8A8678', 6 '#A59C74', 7 '#C3B369', 8 '#E1CC55', 9 '#FEE838')
set style fill solid 1.0 noborder
set cbrange [LOW:HIGH]
set cbtics font ',14' textcolor rgb INK
ink(v) = (v - LOW) / (HIGH - LOW) < 0.55 ? 0xFFFFFF : 0x222222
span = HIGH - LOW
number(v) = span > 0 && abs(v) < 1e5 ? sprintf(span >= 100 ? '%.0f' : span >= 10 ? '%.1f' : span >= 0.5 ? '%.2f' : span >= 0.05 ? '%.3f' : '%.2g', v) : sprintf('%.3g', v)
size = CELL >= 90 ? 15 : CELL >= 64 ? 13 : 10
WITH_N = CELL >= 48 && CELL_HEIGHT >= 40

set multiplot
unset key
unset grid
set border 0
set tics scale 0
set xtics nomirror scale 0
set ytics nomirror scale 0
set xrange [0.5:NX+0.5]
set yrange [0.5:NY+0.5]
do for [k=1:N] {
	row = (k - 1) / COLS
	col = (k - 1) % COLS
	left = x0 + col * (width + gap_x)
	top = y1 - row * (height + gap_y)
	set lmargin at screen left
	set rmargin at screen left + width
	set tmargin at screen top
	set bmargin at screen top - height
	unset xtics
	unset ytics
	if (k + COLS > N) {
		set xtics () nomirror scale 0 font ',14' textcolor rgb INK
		set for [i=1:NX] xtics add (XTICK[i] i)
	}
	if (col == 0) {
		set ytics () nomirror scale 0 font ',14' textcolor rgb INK
		set for [i=1:NY] ytics add (YTICK[i] i)
	}
	set label 2 LABEL[k] at screen left, screen top + py(TITLE_HEIGHT > 0 ? TITLE_HEIGHT - 10 : 0) left font ',15' textcolor rgb INK
	if (k == 1) {
		set label 3 YKEY at screen x0 - px(104), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set label 4 XLABEL at screen 0.5 * (x0 + x1), screen y0 - py(52) center font ',16' textcolor rgb INK
		set label 5 LABEL_VALUES at screen px(24), screen 1 - py(68) left font ',15' textcolor rgb INK
		set colorbox user origin x1 + px(22), y0 size px(16), y1 - y0 noborder
	} else {
		unset colorbox
	}
	plot sprintf('$cells%d', k) using 1:2:(0.485):(0.48):3 with boxxyerror lc palette, \
	     '' using 1:($2 + (WITH_N ? 0.14 : 0)):(number($3)):(ink($3)) with labels font sprintf(',%d', size) textcolor rgb variable, \
	     '' using 1:($2 - 0.2):(WITH_N ? sprintf('N = %d', $4) : ''):(ink($3)) with labels font ',11' textcolor rgb variable
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset for [i=3:5] label i
}
unset multiplot
