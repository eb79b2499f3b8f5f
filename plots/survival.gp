# Share of seeds that have not collapsed: steps of up to 8 arms, a cross where a trial ended before,
# the numbers at risk below.
#
#   N arms; LABEL[k] STYLE[k]; KEY_TITLE, KEY_CHARS, BELOW: a key too wide for the side;
#   XLABEL YLABEL, END of the abscissa
#   SHARE[k]    block: x share low high events, the corners of the steps; BANDS: draw low..high?
#   ENDED[k]    block: x share of censored trials
#   TIC[j], j = 1..N_TICS, RISK[(k-1)*N_TICS+j]; RISK_TITLE
LINE = 27.0
RISK_LINE = 22.0
key_height = BELOW ? LINE * (N + 1) + 14 : 0
risk_height = RISK_LINE * N + 40

x0 = px(146)
x1 = BELOW ? 1 - px(40) : 1 - px(112 + 11 * KEY_CHARS)
y0 = FOOT + py(70 + key_height + risk_height)
y1 = 1 - py(66)
height = y1 - y0

set lmargin at screen x0
set rmargin at screen x1
set bmargin at screen y0
set tmargin at screen y1
set xrange [0:1.02*END]
set yrange [0:1.04]
set ytics 0, 0.25, 1
set xtics ()
set for [j=1:N_TICS] xtics add (sprintf('%g', TIC[j]) TIC[j])
set label 2 YLABEL at screen px(30), screen 0.5 * (y0 + y1) center rotate by 90 font ',16' textcolor rgb INK
set label 3 XLABEL at screen 0.5 * (x0 + x1), screen y0 - py(56) center font ',16' textcolor rgb INK

# Curves that coincide stand a line's width apart.
apart = 1.04 * py(3.4) / height
at(k, y) = y + (0.5 * (N + 1) - k) * apart

set label 4 RISK_TITLE at screen x0, screen y0 - py(84) left font ',13' textcolor rgb '#666666'
do for [k=1:N] {
	y = y0 - py(84 + RISK_LINE * k)
	set label 100+k '' at screen x0 - px(40), screen y point pt MARK[STYLE[k]] ps SIZE[STYLE[k]] lc rgb COLOR[STYLE[k]]
	do for [j=1:N_TICS] {
		set label 200+20*k+j RISK[(k-1)*N_TICS+j] at first TIC[j], screen y center font ',13' textcolor rgb COLOR[STYLE[k]]
	}
}

set multiplot
unset key
plot for [k=1:N] SHARE[k] using 1:(BANDS ? $3 : $2):(BANDS ? $4 : $2) with filledcurves lc rgb COLOR[STYLE[k]], \
     for [k=1:N] SHARE[k] using 1:(at(k, $2)) with lines lw 2.2 lc rgb COLOR[STYLE[k]], \
     for [k=1:N] SHARE[k] using ($5 > 0 ? $1 : NaN):(at(k, $2)) with points pt MARK[STYLE[k]] ps 0.8*SIZE[STYLE[k]] lc rgb COLOR[STYLE[k]], \
     for [k=1:N] ENDED[k] using 1:(at(k, $2)) with points pt 1 ps 1.6 lw 2.0 lc rgb COLOR[STYLE[k]]

# The key is an empty plot of its own, which has room for all of it.
unset border; unset tics; unset grid; unset label
set lmargin at screen 0; set rmargin at screen 1; set tmargin at screen 1; set bmargin at screen 0
set xrange [0:1]; set yrange [0:1]
set key title KEY_TITLE left font ',15' textcolor rgb INK
if (BELOW) {
	set key at screen x0, screen (FOOT + py(key_height)) left top Left reverse samplen 3 spacing 1.15 maxcols 1
} else {
	set key at screen x1 + px(14), screen y1 left top Left reverse samplen 2.2 spacing 1.3 maxcols 1
}
plot for [k=1:N] NaN with linespoints ls STYLE[k] title LABEL[k]
unset multiplot
