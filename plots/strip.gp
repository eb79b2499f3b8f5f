# Final values: a row an arm, its seeds as dots joined faintly from row to row, mean and interval below
# them.
#
#   N arms; LABEL[k] of LABEL_LINES[k] lines, STYLE[k]; WORDS[k] at the right margin
#   WORDS_TITLE above them; LABEL_ROOM WORDS_ROOM pixels beside the frame; XLABEL
#   $dots    block: value height row, an empty line between seeds; JOINED: 1 for lines between them
#   $means   block: mean row low high
x0 = px(LABEL_ROOM)
x1 = 1 - px(WORDS_ROOM)
y0 = FOOT + py(84)
y1 = 1 - py(92)
set lmargin at screen x0
set rmargin at screen x1
set bmargin at screen y0
set tmargin at screen y1
set yrange [N+0.5:0.5]
set border 1
unset ytics
unset key
set grid noytics xtics lc rgb '#e4e4e4' lw 0.8 dt solid back
set autoscale xfix
set offsets graph 0.02, graph 0.02, 0, 0
row_y(k) = y1 - (k - 0.5) * (y1 - y0) / N
set xlabel XLABEL offset 0, 0.3
set for [k=1:N] label 100+k LABEL[k] at screen px(24), screen row_y(k) + py(10.5 * (LABEL_LINES[k] - 1)) left font ',14' textcolor rgb INK
set for [k=1:N] label 200+k WORDS[k] at screen x1 + px(22), screen row_y(k) left font ',13' textcolor rgb INK
set label 300 WORDS_TITLE at screen x1 + px(22), screen y1 + py(14) left font ',13' textcolor rgb '#666666'
plot $dots using (JOINED ? $1 : NaN):2 with lines lw 0.7 lc rgb '#a0909090', \
     for [k=1:N] $dots using ($3 == k ? $1 : NaN):2 with points pt 7 ps 0.95 lc rgb fade(STYLE[k], 60), \
     for [k=1:N] $means using ($2 == k ? $1 : NaN):($2+0.24):3:4 with xerrorbars lw 2.4 pt 9 ps 1.3 lc rgb COLOR[STYLE[k]]
