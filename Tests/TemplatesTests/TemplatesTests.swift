import JSON
import Testing

@testable import Templates

let sample: JSONValue = [
  "Name": "/web", "Running": true, "Dead": false, "Exit": 3, "Share": 0.5, "Nothing": nil, "Empty": "",
  "Env": ["A=1", "B=2"], "None": [], "status": "up", "id": "abc",
  "State": ["Status": "running", "Pid": 42],
  "Labels": ["com.x": "1", "b": "2", "a": "<&>"],
  "Ports": ["80/tcp": [["HostIp": "0.0.0.0", "HostPort": "8080"]], "443/tcp": nil],
  "Networks": ["back": ["IPAddress": "10.0.0.2"], "front": ["IPAddress": "10.0.1.2"]],
]

func render(_ text: String) throws -> String {
  var context = TemplateContext()
  context.maps = ["Labels", "Ports", "Networks"]
  context.optional = ["Health"]
  context.lists = ["Nothing"]
  context.methods["Label"] = { value, words in words.first?.string.flatMap { value["Labels"]?[$0] } }
  return try TextTemplate(text).text(sample, context)
}

@Suite struct TemplatesTests {
  @Test(arguments: [
    ("", ""), ("plain", "plain"), ("{{.Name}}", "/web"), ("a{{ .State.Status }}b", "arunningb"),
    ("{{.Exit}} {{.Share}} {{.Running}} {{.Empty}}", "3 0.5 true "),
    ("{{json .State}}", #"{"Status":"running","Pid":42}"#), ("{{.State|json}}", #"{"Status":"running","Pid":42}"#),
    ("{{.State}}", "{running 42}"), ("{{.Labels}}", "map[a:<&> b:2 com.x:1]"), ("{{.Env}}", "[A=1 B=2]"),
    ("{{.Nothing}}", "[]"), ("{{.Labels.zzz}}", "<no value>"), ("{{index .Labels \"com.x\"}}", "1"),
    ("{{index .Labels \"zzz\"}}", ""), ("{{.Status}} {{.ID}}", "up abc"),
    ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"), ("{{(index .Ports \"80/tcp\" 0).HostPort}}", "8080"),
    ("{{range .Env}}[{{.}}]{{end}}", "[A=1][B=2]"), ("{{range .None}}x{{else}}none{{end}}", "none"),
    ("{{range $k, $v := .Networks}}{{$k}}={{$v.IPAddress}} {{end}}", "back=10.0.0.2 front=10.0.1.2 "),
    ("{{range $i, $e := .Env}}{{if $i}},{{end}}{{$e}}{{end}}", "A=1,B=2"),
    ("{{range $v := .Env}}{{$v}}{{$.Name}}{{end}}", "A=1/webB=2/web"),
    (
      "{{range $p, $c := .Ports}}{{$p}}->{{if $c}}{{(index $c 0).HostPort}}{{else}}no{{end}};{{end}}",
      "443/tcp->no;80/tcp->8080;"
    ),
    ("{{range 3}}{{.}}{{end}}", "012"),
    ("{{range .Env}}{{if eq . \"B=2\"}}{{break}}{{end}}{{.}}{{end}}", "A=1"),
    ("{{range .Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{end}}", "B=2"),
    ("{{if .Running}}up{{else}}down{{end}}", "up"), ("{{if .Dead}}a{{else if .Exit}}b{{else}}c{{end}}", "b"),
    ("{{if .Empty}}a{{else if .None}}b{{else}}c{{end}}", "c"), ("{{if .State}}struct{{end}}", "struct"),
    ("{{if .Health}}{{.Health.Status}}{{else}}none{{end}}", "none"),
    ("{{with .State}}{{.Pid}}{{end}}", "42"), ("{{with .Empty}}x{{else}}y{{end}}", "y"),
    ("{{with $s := .State}}{{$s.Pid}}{{end}}", "42"),
    ("{{with .Empty}}x{{else with .Name}}{{.}}{{end}}", "/web"),
    ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"), ("{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"),
    ("a {{- .Exit -}} b", "a3b"), ("a\n\t{{- /* gone */ -}}\n b", "ab"), ("{{/* a }} b */}}c", "c"), ("{{-3}}", "-3"),
    ("{{3 -}} x", "3x"), ("{{`raw \\n \"q\"`}}", "raw \\n \"q\""), ("{{\"\\u00e9\\t\\x41\"}}", "é\tA"),
    ("{{'a'}}", "97"),
    ("{{0x1f}} {{1_000}} {{1.5e3}} {{017}} {{1e-3}}", "31 1000 1500 15 0.001"),
    ("{{and .Running .Name}} {{or .Empty \"d\"}} {{not .Dead}}", "/web d true"),
    ("{{or .Running (index .Env 9)}}", "true"), ("{{and .Dead (index .Env 9)}}", "false"),
    (
      "{{eq .Exit 3}} {{eq .Exit 1 2 3}} {{ne .Name \"x\"}} {{lt 1 2}} {{le 2 2}} {{gt \"a\" \"b\"}} {{ge 1.5 1.0}}",
      "true true true true true false true"
    ),
    ("{{len .Env}} {{len .Name}} {{len .Labels}}", "2 4 3"), ("{{slice .Name 1}} {{slice .Name 1 3}}", "web we"),
    ("{{join .Env \", \"}}", "A=1, B=2"), ("{{index (split \"a:b:c\" \":\") 1}}", "b"),
    ("{{split \"ab\" \"\"}}", "[a b]"),
    ("{{lower \"AbC\"}}{{upper \"AbC\"}}{{title \"two words\"}}", "abcABCTwo Words"),
    ("{{truncate \"abcdef\" 3}}{{truncate \"ab\" 5}}", "abcab"), ("[{{pad \"x\" 1 2}}]", "[ x  ]"),
    ("{{.Name | printf \"%s-%s\" \"x\"}}", "x-/web"), ("{{.Label \"b\"}}", "2"), ("{{.Label \"zz\"}}", "<no value>"),
    ("{{html .Labels.a}} {{urlquery \"a b&c\"}} {{js \"it's\"}}", "&lt;&amp;&gt; a+b%26c it\\'s"),
    ("{{print 1 2 \"x\" 3 4}}|{{println 1 \"x\"}}|", "1 2x3 4|1 x\n|"), ("{{print nil}}", "<nil>"),
    (
      "{{printf \"%d|%5d|%-5d|%05d|%+d|%x|%X|%o|%b|%c\" 42 42 42 42 42 255 255 8 5 65}}",
      "42|   42|42   |00042|+42|ff|FF|10|101|A"
    ),
    (
      "{{printf \"%s|%8s|%-8s|%.2s|%q|%v|%t|%T\" \"abc\" \"abc\" \"abc\" \"abc\" \"a\\\"b\" .Env true 1}}",
      "abc|     abc|abc     |ab|\"a\\\"b\"|[A=1 B=2]|true|int"
    ),
    ("{{printf \"%.2f|%8.3f|%e|%g\" 2.345 3.14159 1234.5 0.00001}}", "2.35|   3.142|1.234500e+03|1e-05"),
    ("{{printf \"%d %d\" 1}}{{printf \"%d\" \"x\"}}{{printf \"x\" 1}}", "1 %!d(MISSING)%!d(string=x)x%!(EXTRA int=1)"),
    ("{{printf \"%%|%*d\" 4 7}}", "%|   7"),
  ])
  func saysWhatGoSays(template: String, expected: String) throws { #expect(try render(template) == expected) }

  @Test(arguments: [
    ("{{.Nam}}", "1:3: there is no field \".Nam\" here", "did you mean .Name?"),
    ("ab\n {{ .State.Pod }}", "2:5: there is no field \".State.Pod\" here", "did you mean .Pid?"),
    ("{{.name}}", "1:3: there is no field \".name\" here", "did you mean .Name?"),
    ("{{.Name.X}}", "1:3: there is no field \".X\" in a text", nil),
    ("{{.Health.Status}}", "1:3: there is no field \".Status\" in nil", nil),
    ("{{.Name", "1:1: \"{{\" without \"}}\"", nil), ("{{if .Name}}x", "1:3: {{if}} has no {{end}}", nil),
    ("x{{end}}", "1:2: {{end}} without a block that it belongs to", nil), ("{{}}", "1:3: a value is missing", nil),
    ("{{jsn .}}", "1:3: there is no function \"jsn\"", "did you mean js?"),
    ("{{Name}}", "1:3: there is no function \"Name\"", "a field starts with a dot: .Name"),
    ("{{$nam := 1}}{{$nan}}", "1:16: there is no variable \"$nan\" here", "did you mean $nam?"),
    ("{{index .Env 5}}", "1:3: index: index 5 of a list of 2", nil),
    ("{{eq .Exit \"3\"}}", "1:3: eq: a number and a text cannot be compared", nil),
    ("{{(.Name}}", "1:3: \"(\" without \")\"", nil), ("{{.Name)}}", "1:8: unexpected \")\"; here \"}}\" is to be", nil),
    ("{{\"x}}", "1:3: a text without its closing \"", nil), ("{{/* x }}", "1:1: a comment without its end", nil),
    ("{{range .Name}}{{end}}", "1:9: range goes over a list or a map, and this is a text", nil),
    ("{{break}}", "1:3: {{break}} outside of {{range}}", nil),
    ("{{len .Exit}}", "1:3: len: a number has no length", nil),
    ("{{define \"x\"}}{{end}}", "1:3: {{define}} is not supported: a format is one template", nil),
    ("{{.Label}}", "1:3: \".Label\" wants an argument: .Label \"name\"", nil),
    ("{{3 4}}", "1:3: a value takes no arguments: a function or a field does", nil),
    ("{{12x}}", "1:3: \"12x\" is no number", nil), ("{{%}}", "1:3: unexpected \"%\" inside {{ }}", nil),
  ])
  func saysWhatIsWrongAndWhere(template: String, message: String, hint: String?) {
    do {
      let made = try render(template)
      Issue.record("\(template) made \(made)")
    } catch let error as TemplateError {
      #expect(error.description == message)
      #expect(error.hint == hint)
    } catch { Issue.record(error) }
  }

  @Test func hasBounds() throws {
    let deep = String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000)
    #expect(throws: TemplateError.self) { try render("{{\(deep)}}") }
    let blocks = String(repeating: "{{if 1}}", count: 5000) + String(repeating: "{{end}}", count: 5000)
    #expect(throws: TemplateError.self) { try render(blocks) }
    let loops = String(repeating: "{{range 4000}}", count: 5) + "{{.}}" + String(repeating: "{{end}}", count: 5)
    #expect(throws: TemplateError.self) { try render(loops) }
    #expect(throws: TemplateError.self) { try render("{{printf \"%2000000d\" 1}}") }
    #expect(throws: TemplateError.self) { try render("{{range 1000}}{{printf \"%999999d\" 1}}{{end}}") }
  }
}
