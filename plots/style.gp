# The look of every figure; sent before each template. Colours are Okabe and Ito's, told apart with
# every kind of colour vision; each comes with a marker of its own, so that print without colour works.
array COLOR[8] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#8A7A5C']
array MARK[8] = [7, 5, 9, 13, 11, 4, 6, 8]
array SIZE[8] = [1.1, 1.0, 1.2, 1.3, 1.2, 1.0, 1.1, 1.2]
INK = '#333333'

# The same colour with alpha a (0 opaque ... 255 invisible).
fade(k, a) = sprintf('#%02X%s', a, COLOR[k][2:7])

set for [k=1:8] style line k lc rgb COLOR[k] lw 2.2 pt MARK[k] ps SIZE[k]
set style fill transparent solid 0.18 noborder
set pointintervalbox 1.6
set border 3 lc rgb '#444444' lw 0.9
set tics nomirror out scale 0.6 font ',15' textcolor rgb INK
set grid ytics lc rgb '#e4e4e4' lw 0.8 dt solid back
set xlabel font ',16' textcolor rgb INK
set ylabel font ',16' textcolor rgb INK
set key font ',15' textcolor rgb INK

# Distances in pixels as parts of the frame.
px(n) = 1.0 * n / WIDTH
py(n) = 1.0 * n / HEIGHT

# Title above, caption below: labels 1 and 10, 11, ... The marks of verdicts differ in shape and colour:
# shown, the opposite shown, nothing of that size, undecided.
array VERDICT_SHAPE[4] = [7, 2, 12, 6]
array VERDICT_COLOR[4] = ['#009E73', '#D55E00', '#0072B2', '#777777']
FOOT = py(26 * N_CAPTION + 14)
set label 1 TITLE at screen px(24), screen 1 - py(34) left font ',20' textcolor rgb INK front
do for [i=1:N_CAPTION] {
	if (CAPTION_MARK[i] > 0) {
		set label 9+i CAPTION[i] at screen px(32), screen FOOT - py(26*i - 8) left font ',13' textcolor rgb '#444444' front \
			point pt VERDICT_SHAPE[CAPTION_MARK[i]] ps 1.1 lw 1.6 lc rgb VERDICT_COLOR[CAPTION_MARK[i]] offset 0.6, -0.22
	} else {
		set label 9+i CAPTION[i] at screen px(CAPTION_MARK[i] < 0 ? 46 : 24), screen FOOT - py(26*i - 8) left font ',13' textcolor rgb '#666666' front
	}
}
