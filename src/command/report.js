'use strict';
(function () {
	var root = document.documentElement;

	/* ---- light and dark: what the system says, until the button is pressed ---- */

	var dark = window.matchMedia('(prefers-color-scheme: dark)');
	var toggle = document.getElementById('theme');

	function isDark() {
		return root.dataset.theme ? root.dataset.theme === 'dark' : dark.matches;
	}

	function label() {
		toggle.textContent = isDark() ? 'Light' : 'Dark';
		toggle.setAttribute('aria-label', isDark() ? 'light colours' : 'dark colours');
	}

	toggle.hidden = false;
	label();
	dark.addEventListener('change', label);
	toggle.addEventListener('click', function () {
		root.dataset.theme = isDark() ? 'light' : 'dark';
		label();
	});

	/* ---- sorting ---- */

	function key(row, column) {
		var cell = row.cells[column];
		if (!cell)
			return '';
		var text = cell.dataset.v !== undefined ? cell.dataset.v : cell.textContent.trim();
		return text === '\u2013' ? '' : text;
	}

	/* Numbers by their size, texts as people read them; what has no value stays last. */
	function sort(table, column, descending) {
		var body = table.tBodies[0];
		var rows = Array.from(body.rows).map(function (row, i) {
			return {row: row, key: key(row, column), i: i};
		});
		var numeric = rows.every(function (r) { return r.key === '' || isFinite(r.key); });
		var collator = new Intl.Collator('en', {numeric: true});
		var sign = descending ? -1 : 1;

		rows.sort(function (a, b) {
			if (a.key === '' || b.key === '')
				return (a.key === '') - (b.key === '') || a.i - b.i;
			var order = numeric ? a.key - b.key : collator.compare(a.key, b.key);
			return order * sign || a.i - b.i;
		});
		body.append.apply(body, rows.map(function (r) { return r.row; }));
	}

	Array.from(document.querySelectorAll('table.sortable')).forEach(function (table) {
		var heads = Array.from(table.tHead.rows[0].cells);

		heads.forEach(function (head, column) {
			var button = document.createElement('button');
			button.type = 'button';
			while (head.firstChild)
				button.appendChild(head.firstChild);
			head.appendChild(button);
			button.addEventListener('click', function () {
				var descending = head.getAttribute('aria-sort') === 'ascending';
				heads.forEach(function (h) { h.removeAttribute('aria-sort'); });
				head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
				sort(table, column, descending);
			});
		});
	});

	/* ---- the filter of the trials: every word somewhere in the row ---- */

	var filter = document.getElementById('filter');
	var trials = Array.from(document.getElementById('trial-table').tBodies[0].rows);
	var texts = trials.map(function (row) {
		return Array.from(row.cells).map(function (c) { return c.textContent; })
			.join(' ').toLowerCase();
	});
	var shown = document.querySelector('.filter output');

	function apply() {
		var words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
		var n = 0;

		trials.forEach(function (row, i) {
			row.hidden = !words.every(function (w) { return texts[i].includes(w); });
			n += !row.hidden;
		});
		shown.textContent = words.length ? n + ' of ' + trials.length : trials.length + ' in all';
	}

	document.querySelector('.filter').hidden = false;
	filter.addEventListener('input', apply);
	apply();

	/* ---- paper shows what is folded on the screen ---- */

	var opened = [];

	window.addEventListener('beforeprint', function () {
		opened = Array.from(document.querySelectorAll('details:not([open])'));
		opened.forEach(function (d) { d.open = true; });
	});
	window.addEventListener('afterprint', function () {
		opened.forEach(function (d) { d.open = false; });
		opened = [];
	});
}());
