# Histograms of raw logits on a logarithmic ordinate, a frame per arm: the first snapshot filled, the
# last as a line, and the moments of both in the upper right of the frame.
#
#   N arms, COLS frames side by side; LABEL[k] of TITLE_LINES lines; XLABEL YLABEL
#   BINS[2*(k-1)+t]   block: logit share, two corners a bin; t = 1..T: first, last; WHEN[t]
#   MOMENT[m], VALUE[((k-1)*4+m-1)*2+t], AT[2*(k-1)+t]   rows, cells and heads of the table
#   FROM TO           logits; FLOOR and PEAK of the shares, BESIDE the peak of those below the table
#   STEP              head of the row of steps
array SHADE[2] = ['#8CC4E6', '#08306B']
array TEXT[2] = ['#2E7EBB', '#08306B']
title_height = 25 * (TITLE_LINES - 1)
ROWS = int(ceil(1.0 * N / COLS))

x0 = px(134)
x1 = 1 - px(30)
y0 = FOOT + py(84)
y1 = 1 - py(124 + title_height)
gap_x = px(36)
gap_y = py(56 + title_height)
width = (x1 - x0 - (COLS - 1) * gap_x) / COLS
height = (y1 - y0 - (ROWS - 1) * gap_y) / ROWS

# Room above the highest bin, and for the table above those below it.
line = py(20)
table = 5 * line + py(14)
decades = log10(PEAK) - log10(FLOOR)
beside = log10(BESIDE) - log10(FLOOR)
room = beside * height / (height - table)
above = room > 1.05 * decades ? room - decades : 0.05 * decades
step = 10 ** ceil(decades / 5.0)

set multiplot
unset key
set logscale y
set xrange [FROM:TO]
set yrange [FLOOR:10**(log10(PEAK)+above)]
set tics font ',13'
tic = COLS > 2 ? 10 : 5
set xtics tic
set ytics FLOOR, step, 1
set mytics 1
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
	set format y (col == 0 ? '1e%T' : '')
	set format x (k + COLS > N ? '%g' : '')
	do for [m=1:4] {
		set label 100+10*m MOMENT[m] at screen left + width - px(148), screen top - m * line - py(12) right font ',12' textcolor rgb '#666666'
		do for [t=1:2] {
			set label 100+10*m+t VALUE[((k-1)*4+m-1)*2+t] at screen left + width - px(t == 1 ? 76 : 6), screen top - m * line - py(12) right font ',12' textcolor rgb TEXT[t]
		}
	}
	set label 100 STEP at screen left + width - px(148), screen top - py(12) right font ',12' textcolor rgb '#666666'
	do for [t=1:2] {
		set label 100+t AT[2*(k-1)+t] at screen left + width - px(t == 1 ? 76 : 6), screen top - py(12) right font ',12' textcolor rgb TEXT[t]
	}
	if (k == 1) {
		set label 3 YLABEL at screen px(32), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
		set label 4 XLABEL at screen 0.5 * (x0 + x1), screen FOOT + py(26) center font ',16' textcolor rgb INK
	}
	plot BINS[2*(k-1)+1] using 1:2:(FLOOR) with filledcurves fillstyle solid 0.45 noborder lc rgb SHADE[1], \
	     BINS[2*(k-1)+1] using 1:2 with lines lw 1.0 lc rgb SHADE[1], \
	     BINS[2*(k-1)+T] using 1:2 with lines lw 1.8 lc rgb SHADE[T]
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
	unset label 4
}
unset logscale y
unset border; unset tics; unset grid; unset label
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set key at screen x0, screen (1 - py(58)) left top horizontal Left reverse samplen 3 width 2 maxrows 1
plot NaN with lines lw (T == 1 ? 1.8 : 5.0) lc rgb SHADE[1] title WHEN[1], \
     for [t=2:T] NaN with lines lw 1.8 lc rgb SHADE[t] title WHEN[t]
unset multiplot
