-- zos.kdl in Neovim, from 0.7 on: starts `zosc lsp` for manifests and for the files that they import.
--
-- It acts when it is read: as ~/.config/nvim/plugin/zosc.lua, as .nvim.lua of a project (with 'exrc'), or by :luafile. What can
-- be chosen stands in vim.g.zosc before that; the values here are those that hold without it:
--
--   vim.g.zosc = {
--     cmd = { "zosc", "lsp" },   -- the server; { "zosc", "--store", "/srv/zosc", "lsp" } has another store
--     env = nil,                 -- environment variables for it, such as { ZOSC_STORE = "/srv/zosc" }
--     omnifunc = true,           -- CTRL-X CTRL-O completes
--     code_lens = true,          -- code lenses are shown, and follow the text
--     on_attach = nil,           -- function(client, buffer), for key maps
--   }
--
-- It maps no keys. In a manifest there are :ZosFormat, :ZosFix, :ZosCheck, :ZosBuild, :ZosBoot; vim.lsp.codelens.run() runs the lens
-- of a line.

if vim.g.loaded_zosc then
  return
end
vim.g.loaded_zosc = true

local NAME = "zosc"
local FILETYPE = "zos-kdl"

local chosen = vim.tbl_extend("force", {
  cmd = { "zosc", "lsp" },
  omnifunc = true,
  code_lens = true,
}, vim.g.zosc or {})

local function warn(message)
  vim.notify("zosc: " .. message, vim.log.levels.WARN)
end

-- The nearest folder upwards that has a zos.kdl.
local function root_of(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  while true do
    if vim.fn.filereadable(folder .. "/zos.kdl") == 1 then
      return folder
    end
    local above = vim.fn.fnamemodify(folder, ":h")
    if above == folder then
      return nil
    end
    folder = above
  end
end

-- Whether the manifest above a file imports it; KDL is also what others write their settings in.
local function is_imported(file)
  local root = root_of(file)
  if root == nil then
    return false
  end
  local path = vim.fn.fnamemodify(file, ":p"):sub(#root + 2)
  for _, line in ipairs(vim.fn.readfile(root .. "/zos.kdl")) do
    local name = line:match('^%s*import%s+"?([^"%s;]+)"?')
    if name ~= nil and name:gsub("^%./", "") == path then
      return true
    end
  end
  return false
end

-- What a code lens or a command does: zosc in a terminal below, with each list of arguments as long as the one before it succeeds.
local function run(folder, steps)
  local lines = {}
  for _, step in ipairs(steps) do
    local words = vim.list_extend({ chosen.cmd[1] }, step)
    table.insert(lines, table.concat(vim.tbl_map(vim.fn.shellescape, words), " "))
  end
  vim.cmd("silent! wall")
  vim.cmd("botright 15new")
  local command = { "sh", "-c", table.concat(lines, " && ") }
  if vim.fn.has("nvim-0.11") == 1 then
    vim.fn.jobstart(command, { cwd = folder, env = chosen.env, term = true })
  else
    vim.fn.termopen(command, { cwd = folder, env = chosen.env })
  end
  vim.cmd("startinsert")
end

local function folder_of(buffer)
  local file = vim.api.nvim_buf_get_name(buffer)
  return root_of(file) or vim.fn.fnamemodify(file, ":p:h")
end

-- The commands of code lenses say themselves what they run, and where.
for _, name in ipairs({ "check", "build", "boot", "source", "shell" }) do
  vim.lsp.commands["zosc." .. name] = function(command)
    local asked = command.arguments[1]
    run(asked.folder, asked.steps)
  end
end

local function format(buffer)
  if vim.lsp.buf.format ~= nil then
    vim.lsp.buf.format({ bufnr = buffer, name = NAME })
  else
    vim.lsp.buf.formatting_sync(nil, 5000)
  end
end

local function attached(client, buffer)
  if chosen.omnifunc then
    vim.bo[buffer].omnifunc = "v:lua.vim.lsp.omnifunc"
  end
  local function command(name, action)
    vim.api.nvim_buf_create_user_command(buffer, name, action, {})
  end
  command("ZosFormat", function()
    format(buffer)
  end)
  command("ZosFix", function()
    vim.lsp.buf.code_action()
  end)
  for _, word in ipairs({ "check", "build", "boot" }) do
    command("Zos" .. word:sub(1, 1):upper() .. word:sub(2), function()
      run(folder_of(buffer), { { word } })
    end)
  end
  local offers = client.server_capabilities or {}
  if chosen.code_lens and offers.codeLensProvider then
    local group = vim.api.nvim_create_augroup("zosc-lens-" .. buffer, {})
    vim.api.nvim_create_autocmd({ "BufEnter", "InsertLeave", "TextChanged" }, {
      group = group,
      buffer = buffer,
      callback = function()
        pcall(vim.lsp.codelens.refresh)
      end,
    })
    vim.defer_fn(function()
      pcall(vim.lsp.codelens.refresh)
    end, 200)
  end
  if chosen.on_attach then
    chosen.on_attach(client, buffer)
  end
end

local function configuration(root)
  return {
    name = NAME,
    cmd = chosen.cmd,
    cmd_env = chosen.env,
    root_dir = root,
    on_attach = attached,
  }
end

-- Neovim 0.7 keeps no record of which client is for which root.
local clients = {}

local function start(buffer)
  local root = folder_of(buffer)
  if vim.lsp.start ~= nil then
    vim.lsp.start(configuration(root), { bufnr = buffer })
    return
  end
  local running = clients[root]
  if running == nil or vim.lsp.get_client_by_id(running) == nil then
    running = vim.lsp.start_client(configuration(root))
    clients[root] = running
  end
  if running ~= nil then
    vim.lsp.buf_attach_client(buffer, running)
  end
end

local function opened(buffer)
  vim.bo[buffer].commentstring = "// %s"
  vim.bo[buffer].shiftwidth = 4
  vim.bo[buffer].expandtab = true
  if vim.treesitter.language ~= nil and vim.treesitter.language.register ~= nil then
    pcall(vim.treesitter.language.register, "kdl", FILETYPE)
    pcall(vim.treesitter.start, buffer)
  end
  if vim.fn.executable(chosen.cmd[1]) == 0 then
    warn("there is no program `" .. chosen.cmd[1] .. "` in PATH; install zosc, or name it in vim.g.zosc.cmd")
    return
  end
  start(buffer)
end

local group = vim.api.nvim_create_augroup("zosc", {})

vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
  group = group,
  pattern = { "*.kdl" },
  callback = function(event)
    local name = vim.fn.fnamemodify(event.file, ":t")
    if name == "zos.kdl" or name:match("%.zos%.kdl$") or is_imported(event.file) then
      vim.bo[event.buf].filetype = FILETYPE
    end
  end,
})

vim.api.nvim_create_autocmd("FileType", {
  group = group,
  pattern = FILETYPE,
  callback = function(event)
    opened(event.buf)
  end,
})

-- What was open before this file was read.
for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
  if vim.api.nvim_buf_is_loaded(buffer) and vim.api.nvim_buf_get_name(buffer):match("%.kdl$") then
    vim.api.nvim_exec_autocmds("BufRead", { group = group, buffer = buffer })
  end
end
