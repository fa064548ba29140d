#!/usr/bin/env escript
%% A host in Erlang: drives workers at the plain level and reports what they did, as one line of JSON.
%%
%% escript host.escript PYTHON WITNESS FOLDER
%%
%% PYTHON starts a worker. WITNESS does too, and writes its exit status to the pipe `status` in FOLDER when it
%% has ended: a port that is closed tells its owner nothing more. FOLDER also holds `dialogue.json`, the steps
%% of the dialogue, and the pipe `spinning`.
-mode(compile).

-define(PATIENCE, 15000).

main([Python, Witness, Folder]) ->
    ok = log_to_stderr(),
    load(filename:join(filename:dirname(escript:script_name()), "worker_port.erl")),
    process_flag(trap_exit, true),
    {ok, Text} = file:read_file(filename:join(Folder, "dialogue.json")),
    {ok, Server} = worker_port:start_link(Python),
    Dialogue = [ask(Server, Step) || Step <- jiffy:decode(Text, [return_maps])],
    Report = #{
        dialogue => Dialogue,
        pipelined => pipelined(Server),
        crowd => crowd(Server, 40),
        shutdown => shut_down(Server),
        closed => close_while_it_works(Witness, Folder)
    },
    io:put_chars([jiffy:encode(Report, [uescape]), $\n]).

%% Standard output is for the report alone.
log_to_stderr() ->
    ok = logger:remove_handler(default),
    logger:add_handler(default, logger_std_h, #{config => #{type => standard_error}}).

load(File) ->
    {ok, Module, Beam} = compile:file(filename:rootname(File), [binary, report, warnings_as_errors]),
    {module, Module} = code:load_binary(Module, File, Beam).

ask(Server, #{<<"command">> := Command, <<"args">> := Args}) ->
    answer(worker_port:call(Server, Command, Args, ?PATIENCE)).

answer({ok, Result}) -> #{result => Result};
answer({error, Text}) -> #{error => Text}.

%% Definitions, and calls that need them, sent one behind the other without waiting for an answer.
pipelined(Server) ->
    Requests = [
        {create_module, #{id => late, type => predict, signature => <<"question -> answer">>}},
        {create_program, #{
            id => later,
            modules => [#{id => late, name => ask}],
            forward_fn => <<"result = self.ask(question=question)">>
        }},
        {execute, #{program_id => later, inputs => #{question => <<"What is 6 * 7?">>}}}
    ],
    Sent = [send(Server, Command, Args) || {Command, Args} <- Requests],
    [received(Request) || Request <- Sent].

send(Server, Command, Args) ->
    gen_server:send_request(Server, {call, Command, Args}).

received(Request) ->
    {reply, Outcome} = gen_server:receive_response(Request, ?PATIENCE),
    answer(Outcome).

%% As many callers at once as the worker has threads, several times over.
crowd(Server, Count) ->
    Sent = [{Number, send(Server, forward, addition(Number))} || Number <- lists:seq(1, Count)],
    [#{asked => Number, answer => received(Request)} || {Number, Request} <- Sent].

addition(Number) ->
    Question = iolist_to_binary(io_lib:format("What is ~b + 1?", [Number])),
    #{module_id => late, inputs => #{question => Question}}.

%% The worker answers, then ends by itself, and says nothing in between.
shut_down(Server) ->
    Answer = answer(worker_port:call(Server, shutdown, #{})),
    receive
        {'EXIT', Server, {worker_ended, Status}} -> #{answer => Answer, exit_status => Status}
    after ?PATIENCE -> error(the_worker_did_not_end)
    end.

%% The port is closed while a program runs that would never end.
close_while_it_works(Witness, Folder) ->
    Spinning = filename:join(Folder, "spinning"),
    {ok, Server} = worker_port:start_link(Witness),
    {ok, _} = worker_port:call(Server, create_program, #{
        id => endless,
        modules => [],
        forward_fn => <<"with open(pipe, 'w') as file: file.write('spinning')\nwhile True: pass">>
    }),
    Inputs = #{pipe => list_to_binary(Spinning)},
    Request = send(Server, execute, #{program_id => endless, inputs => Inputs}),
    Said = read(Spinning),
    ok = gen_server:stop(Server),
    {error, {normal, Server}} = gen_server:receive_response(Request, ?PATIENCE),
    Status = string:trim(read(filename:join(Folder, "status"))),
    #{said => Said, exit_status => binary_to_integer(Status)}.

%% What is written to a named pipe, until its writer closes it.
read(Pipe) ->
    Executable = os:find_executable("cat"),
    Cat = erlang:open_port({spawn_executable, Executable}, [{args, [Pipe]}, binary, exit_status]),
    read(Cat, <<>>).

read(Cat, Text) ->
    receive
        {Cat, {data, More}} -> read(Cat, <<Text/binary, More/binary>>);
        {Cat, {exit_status, 0}} -> Text
    after ?PATIENCE -> error({nothing_written, Text})
    end.
