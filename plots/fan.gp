# More arms than small frames hold, told apart by a number: the mean of each in the colour of its
# number's rank; panels under one another.
#
#   P panels; YLABEL[p] YMIN[p] YMAX[p]; XMAX, XLABEL
#   $fan1 ... $fanP   blocks: x mean rank, an empty line between arms
#   KEY               what the number is; TICK[i] at TICK_RANK[i], i = 1..N_TICKS; N arms
x0 = px(146)
x1 = 1 - px(170)
y0 = FOOT + py(84)
y1 = 1 - py(66)
gap = py(34)
height = (y1 - y0 - (P - 1) * gap) / P

# Viridis (van der Walt and Smith, 2015), without its palest end.
set palette defined (0 '#440154', 1 '#46327E', 2 '#365C8D', 3 '#277F8E', 4 '#1FA187', 5 '#4AC16D', 6 '#A0DA39')
set style fill solid 1.0 noborder
set cbrange [0:N-1]
set cbtics () font ',14'
set for [i=1:N_TICKS] cbtics add (TICK[i] TICK_RANK[i])

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
	if (p == 1) {
		set colorbox user origin x1 + px(26), y0 size px(16), y1 - y0 - py(30) noborder
		set label 3 KEY at screen x1 + px(26), screen y1 - py(10) left font ',15' textcolor rgb INK
	} else {
		unset colorbox
	}
	plot ZERO with lines lw 1.0 lc rgb '#666666', sprintf('$fan%d', p) using 1:2:3 with lines lw 1.3 lc palette
	unset for [i=1:N_CAPTION] label 9+i
	unset label 1
	unset label 3
}
unset multiplot
